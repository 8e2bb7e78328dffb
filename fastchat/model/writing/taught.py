"""Tools for models whose template knows none: told in words, in the commonest format."""

import json
from dataclasses import replace

from fastchat.core.chat import Chat, Message, Text, Tool

_TEXT = """# Tools

You may call one or more functions to assist with the user query. These are their signatures:
<tools>
{tools}
</tools>

For each function call, answer with a JSON object within <tool_call></tool_call> tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""


def taught(chat: Chat) -> Chat:
    """The same conversation without anything but text."""
    if not (chat.offers_tools or chat.speaks_of_tools):
        return chat
    messages = tuple(_told(message) for message in chat.messages)
    if chat.offers_tools:
        messages = _with_system(messages, _TEXT.format(tools="\n".join(map(_line, chat.tools))))
    return replace(chat, messages=messages, tools=(), tool_choice="auto")


def _line(tool: Tool) -> str:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return json.dumps({"type": "function", "function": function}, ensure_ascii=False)


def _told(message: Message) -> Message:
    if message.role == "tool":
        said = f"<tool_response>\n{message.text}\n</tool_response>"
        return Message(role="user", content=said)
    if not message.tool_calls:
        return message
    calls = [
        f'<tool_call>\n{{"name": {json.dumps(call.name)}, "arguments": {call.arguments or "{}"}}}\n'
        "</tool_call>"
        for call in message.tool_calls
    ]
    return Message(role="assistant", content="\n".join([message.text, *calls]).lstrip("\n"))


def _with_system(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    first = messages[0]
    if first.role not in ("system", "developer"):
        return (Message(role="system", content=text), *messages)
    content = f"{first.content}\n\n{text}" if isinstance(first.content, str) else None
    grown = replace(first, content=content or (*first.parts, Text(f"\n\n{text}")))
    return (grown, *messages[1:])
