"""A chat written into a template."""

from collections.abc import Iterable

from fastchat.conversation.conversation import Conversation
from fastchat.core.generation import Message

_SYSTEM = ("system", "developer")


def filled(template: Conversation, messages: Iterable[Message]) -> Conversation:
    """The template with these messages and an open turn. Several system messages become one; raises
    `ValueError` for what no such template can say."""
    conversation = template.copy()
    system = [message.text for message in messages if message.role in _SYSTEM]
    if system:
        conversation.set_system_message("\n".join(system))
    for message in messages:
        if message.role == "tool" or message.tool_calls:
            raise ValueError(f"the template {template.name} knows no tools")
        if message.role not in _SYSTEM:
            role = conversation.roles[0 if message.role == "user" else 1]
            conversation.append_message(role, message.text)
    conversation.append_message(conversation.roles[1], None)
    return conversation
