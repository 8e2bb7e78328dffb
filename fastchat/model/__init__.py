"""Which family a checkpoint belongs to, and how that family talks."""

from fastchat.model.families import find_family
from fastchat.model.family import Family
from fastchat.model.model_adapter import add_model_args, get_conversation_template, load_model

__all__ = ["Family", "add_model_args", "find_family", "get_conversation_template", "load_model"]
