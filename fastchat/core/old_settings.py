"""Settings of 0.2.36 that scripts import by name. Those that the environment changes are looked up
when they are asked for: importing this reads nothing.
"""

from collections.abc import Callable, Mapping

from fastchat.core.config import environment

CONVERSATION_TURN_LIMIT = 50
SESSION_EXPIRATION_TIME = 3600

_FROM_ENVIRONMENT: Mapping[str, tuple[str, str, Callable[[str], object]]] = {
    "CONTROLLER_HEART_BEAT_EXPIRATION": ("FASTCHAT_CONTROLLER_HEART_BEAT_EXPIRATION", "90", int),
    "INPUT_CHAR_LEN_LIMIT": ("FASTCHAT_INPUT_CHAR_LEN_LIMIT", "12000", int),
    "LOGDIR": ("LOGDIR", ".", str),
    "WORKER_API_EMBEDDING_BATCH_SIZE": ("FASTCHAT_WORKER_API_EMBEDDING_BATCH_SIZE", "4", int),
    "WORKER_API_TIMEOUT": ("FASTCHAT_WORKER_API_TIMEOUT", "100", int),
    "WORKER_HEART_BEAT_INTERVAL": ("FASTCHAT_WORKER_HEART_BEAT_INTERVAL", "45", int),
}


def __getattr__(name: str) -> object:
    if name not in _FROM_ENVIRONMENT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    variable, default, read = _FROM_ENVIRONMENT[name]
    return read(environment().get(variable) or default)
