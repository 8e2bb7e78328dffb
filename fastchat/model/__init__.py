"""Which family a checkpoint belongs to, and how that family talks."""

from fastchat.model.families import find_family
from fastchat.model.family import Family
from fastchat.model.model_adapter import get_conversation_template

__all__ = ["Family", "find_family", "get_conversation_template"]
