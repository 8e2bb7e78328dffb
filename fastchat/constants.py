"""Old names: what scripts import from `fastchat.constants` lives elsewhere now."""

from fastchat.core.codes import ErrorCode as ErrorCode
from fastchat.core.old_settings import CONVERSATION_TURN_LIMIT as CONVERSATION_TURN_LIMIT
from fastchat.core.old_settings import SESSION_EXPIRATION_TIME as SESSION_EXPIRATION_TIME
from fastchat.core.old_settings import __getattr__ as __getattr__
from fastchat.protocol.wire import SERVER_ERROR as SERVER_ERROR_MSG

__all__ = [
    "CONVERSATION_TURN_LIMIT",
    "SERVER_ERROR_MSG",
    "SESSION_EXPIRATION_TIME",
    "ErrorCode",
]
