"""Messages and tools of the dialect as values of ours. Every refusal names the field at fault."""

from collections.abc import Mapping, Sequence

from fastchat.core.chat import (
    Audio,
    Image,
    Message,
    NamedTool,
    Part,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
)
from fastchat.core.errors import InvalidRequest, Unsupported
from fastchat.protocol.openai.requests import (
    AudioPart,
    CallField,
    ChatMessage,
    FilePart,
    FunctionField,
    ImagePart,
    NamedFunction,
    NamedToolField,
    RefusalPart,
    TextPart,
    ToolField,
)
from fastchat.protocol.openai.requests import (
    Part as PartField,
)

# The role "function" is how tools answered before they had ids.
_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def messages_of(messages: Sequence[ChatMessage], *, model: str) -> tuple[Message, ...]:
    """Raises `InvalidRequest` naming the message at fault."""
    if not messages:
        raise InvalidRequest("messages: at least one message is needed", param="messages")
    return tuple(_message(message, f"messages[{i}]", model) for i, message in enumerate(messages))


def tools_of(tools: Sequence[ToolField], *, model: str) -> tuple[Tool, ...]:
    found = []
    for number, tool in enumerate(tools):
        if tool.type != "function":
            raise Unsupported([f"tools[{number}].type: {tool.type}"], model=model)
        if tool.function is None:
            where = f"tools[{number}].function"
            raise InvalidRequest(f"{where} is missing", param=where)
        found.append(function_of(tool.function))
    return tuple(found)


def function_of(said: FunctionField) -> Tool:
    return Tool(
        name=said.name,
        description=said.description or "",
        parameters=said.parameters or {},
        strict=said.strict,
    )


def choice_of(
    said: str | NamedToolField | NamedFunction | None, tools: Sequence[Tool], param: str
) -> ToolChoice:
    """Raises `InvalidRequest` for a choice that cannot be made among these tools."""
    if said is None or said == "auto":
        return "auto"
    if said == "none":
        return "none"
    choice: ToolChoice = "required" if said == "required" else NamedTool(_named(said, param))
    names = [tool.name for tool in tools]
    if not names:
        raise InvalidRequest(f"{param}: there are no tools to choose from", param=param)
    if isinstance(choice, NamedTool) and choice.name not in names:
        raise InvalidRequest(f"{param}: no tool is called {choice.name!r}", param=param)
    return choice


def _named(said: str | NamedToolField | NamedFunction, param: str) -> str:
    if isinstance(said, NamedFunction):
        return said.name
    if isinstance(said, NamedToolField) and said.type == "function" and said.function is not None:
        return said.function.name
    what = said if isinstance(said, str) else said.type
    raise InvalidRequest(
        f"{param}: {what!r} is none of none, auto, required and "
        '{"type": "function", "function": {"name": ...}}',
        param=param,
    )


def _message(said: ChatMessage, where: str, model: str) -> Message:
    role = _ROLES.get(said.role)
    if role is None:
        known = ", ".join(_ROLES)
        param = f"{where}.role"
        raise InvalidRequest(f"{param}: {said.role!r} is not one of {known}", param=param)
    calls = _calls(said)
    if role != "assistant" and calls:
        raise InvalidRequest(f"{where}: only an assistant calls tools", param=where)
    if said.content is None and not calls:
        param = f"{where}.content"
        raise InvalidRequest(f"{param} is missing", param=param)
    if role == "tool" and said.tool_call_id is None and said.role == "tool":
        param = f"{where}.tool_call_id"
        raise InvalidRequest(f"{param} is missing: which call is answered?", param=param)
    return Message(
        role=role,
        content=_content(said.content, where, model),
        reasoning=said.reasoning_content or said.reasoning or "",
        tool_calls=calls,
        tool_call_id=said.name if said.role == "function" else said.tool_call_id,
        name=said.name,
    )


def _calls(said: ChatMessage) -> tuple[ToolCall, ...]:
    fields = list(said.tool_calls or ())
    if said.function_call is not None:
        fields.append(CallField(function=said.function_call, id=said.function_call.name))
    return tuple(
        ToolCall(id=field.id, name=field.function.name, arguments=field.function.arguments)
        for field in fields
    )


def _content(said: str | list[PartField] | None, where: str, model: str) -> str | tuple[Part, ...]:
    """Text in parts is text."""
    if said is None or isinstance(said, str):
        return said or ""
    parts = tuple(_part(part, where, model) for part in said)
    texts = [part.text for part in parts if isinstance(part, Text)]
    return "".join(texts) if len(texts) == len(parts) else parts


def _part(said: PartField, where: str, model: str) -> Part:
    match said:
        case TextPart(text):
            return Text(text)
        case RefusalPart(refusal):
            return Text(refusal)
        case ImagePart(str() as url):
            return Image(url)
        case ImagePart(image) if not isinstance(image, str):
            return Image(image.url, image.detail)
        case AudioPart(audio):
            return Audio(audio.data, audio.format)
        case FilePart():
            raise Unsupported([f"{where}.content: file"], model=model)
    raise AssertionError(said)
