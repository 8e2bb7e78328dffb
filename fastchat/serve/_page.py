"""What both pages do: they differ in their flags."""

from fastchat.core.errors import ConfigError
from fastchat.serve._run import begin, bind, fail, log_to, serve, warn_if_open
from fastchat.webui.build import build
from fastchat.webui.config import PageConfig


def serve_page(flags: type[PageConfig], command: str) -> None:
    config = begin(flags, command)
    log_to(command, f"{command}.log", config.logdir, config)
    warn_if_open(
        config.host, guarded=config.gradio_auth_path is not None, remedy="set --gradio-auth-path"
    )
    try:
        bound = bind(config.host, config.port)
        service = build(config)
    except ConfigError as error:
        fail(error)
    serve(service, bound, config.host, drain_s=config.drain_s)
