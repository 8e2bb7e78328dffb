"""Messages and tools as a server of the dialect wants them, and as a model's own template does."""

import msgspec

from fastchat.core.chat import (
    Audio,
    Chat,
    Image,
    Message,
    NamedTool,
    Part,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
)


def message_fields(message: Message) -> dict[str, object]:
    """As a server of the dialect wants it."""
    fields: dict[str, object | None] = {
        "role": message.role,
        "content": _content_field(message),
        "name": message.name,
        "reasoning_content": message.reasoning or None,
        "tool_calls": [_call_field(call) for call in message.tool_calls] or None,
        "tool_call_id": message.tool_call_id,
    }
    return {name: value for name, value in fields.items() if value is not None}


def chat_fields(chat: Chat) -> dict[str, object]:
    """The fields of a request that a chat becomes."""
    fields: dict[str, object | None] = {
        "messages": [message_fields(message) for message in chat.messages],
        "tools": [tool_field(tool) for tool in chat.tools] or None,
        "reasoning_effort": chat.reasoning_effort,
    }
    if chat.tools:
        fields["tool_choice"] = _choice_field(chat.tool_choice)
        fields["parallel_tool_calls"] = None if chat.parallel_tool_calls else False
    return {name: value for name, value in fields.items() if value is not None}


def tool_field(tool: Tool) -> dict[str, object]:
    function: dict[str, object] = {"name": tool.name, "parameters": dict(tool.parameters)}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice_field(choice: ToolChoice) -> object:
    if isinstance(choice, NamedTool):
        return {"type": "function", "function": {"name": choice.name}}
    return None if choice == "auto" else choice


def _call_field(call: ToolCall) -> dict[str, object]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _content_field(message: Message) -> object:
    if not isinstance(message.content, str):
        return [_part_field(part) for part in message.content]
    return message.content if message.content or not message.tool_calls else None


def _part_field(part: Part) -> dict[str, object]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image(url, detail):
            image = {"url": url} if detail is None else {"url": url, "detail": detail}
            return {"type": "image_url", "image_url": image}
        case Audio(data, format):
            return {"type": "input_audio", "input_audio": {"data": data, "format": format}}


def server_message(message: Message) -> dict[str, object]:
    """For servers that render with the model's own template: those know no developer."""
    role = "system" if message.role == "developer" else message.role
    return message_fields(message) | {"role": role}


def template_message(message: Message) -> dict[str, object]:
    """For the template itself: arguments are objects there, where they are any."""
    fields = server_message(message)
    if message.tool_calls:
        fields["tool_calls"] = [_template_call(call) for call in message.tool_calls]
        fields.setdefault("content", "")
    return fields


def effort_arguments(effort: str) -> dict[str, object]:
    """By the names under which templates look for it."""
    return {"reasoning_effort": effort, "enable_thinking": effort != "none"}


def _template_call(call: ToolCall) -> dict[str, object]:
    try:
        arguments = msgspec.json.decode(call.arguments, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError):
        return _call_field(call)
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }
