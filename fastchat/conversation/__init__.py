"""Messages, separators and prompts as values."""

from fastchat.conversation.chat import filled
from fastchat.conversation.conversation import IMAGE_PLACEHOLDER_STR, Conversation
from fastchat.conversation.style import SeparatorStyle
from fastchat.conversation.templates import (
    conv_templates,
    get_conv_template,
    register_conv_template,
)
from fastchat.conversation.wire import from_wire, to_wire

__all__ = [
    "IMAGE_PLACEHOLDER_STR",
    "Conversation",
    "SeparatorStyle",
    "conv_templates",
    "filled",
    "from_wire",
    "get_conv_template",
    "register_conv_template",
    "to_wire",
]
