"""A frozen dataclass per process: its fields are the flags, its docstring the help, its defaults
the only defaults. This is the one package that reads the environment.
"""

from fastchat.core.config.command_line import parse, parser, read
from fastchat.core.config.environ import (
    cache_folder,
    data_folder,
    environment,
    hand_over,
    notify_socket,
    ssl_files,
    state_folder,
    supervisor,
    visible_gpus,
)
from fastchat.core.config.flags import (
    exposed_secrets,
    flag,
    folder_or_none,
    is_config,
    shown,
    variables,
    words,
)

__all__ = [
    "cache_folder",
    "data_folder",
    "environment",
    "exposed_secrets",
    "flag",
    "folder_or_none",
    "hand_over",
    "is_config",
    "notify_socket",
    "parse",
    "parser",
    "read",
    "shown",
    "ssl_files",
    "state_folder",
    "supervisor",
    "variables",
    "visible_gpus",
    "words",
]
