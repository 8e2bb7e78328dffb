"""A chat written into a template."""

from collections.abc import Iterable

from fastchat.conversation.conversation import Conversation
from fastchat.core.generation import Message


def filled(template: Conversation, messages: Iterable[Message]) -> Conversation:
    """The template with these messages and an open turn. Several system messages become one."""
    conversation = template.copy()
    system = [message.content for message in messages if message.role == "system"]
    if system:
        conversation.set_system_message("\n".join(system))
    for message in messages:
        if message.role != "system":
            role = conversation.roles[0 if message.role == "user" else 1]
            conversation.append_message(role, message.content)
    conversation.append_message(conversation.roles[1], None)
    return conversation
