"""Anthropic's requests as OpenAI's. No I/O; every refusal names the field at fault."""

import json
from collections.abc import Iterator, Sequence

from fastchat.core.errors import InvalidRequest, Unsupported
from fastchat.gateway.frontends.anthropic.schema import (
    Base64Source,
    Block,
    Counting,
    FileSource,
    ImageBlock,
    MessageField,
    MessagesRequest,
    OutputFormat,
    TextBlock,
    ThinkingBlock,
    ToolField,
    ToolResultBlock,
    ToolUseBlock,
    UrlSource,
)

Fields = dict[str, object]

# Tokens of thinking up to which an effort goes; more of them are high.
_EFFORTS = ((1024, "low"), (8192, "medium"))
DEFAULT_TEMPERATURE = 1.0


def chat_body(request: MessagesRequest) -> Fields:
    _refuse(request)
    stream = bool(request.stream)
    body = counted_body(request) | {
        "max_tokens": request.max_tokens,
        "stream": stream or None,
        "stream_options": {"include_usage": True} if stream else None,
        "temperature": DEFAULT_TEMPERATURE if request.temperature is None else request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stop": request.stop_sequences or None,
        "user": request.metadata.user_id if request.metadata else None,
        "reasoning_effort": _effort(request),
        "response_format": _response_format(request),
    }
    if request.tools:
        body |= _tool_choice(request)
    if request.messages[-1].role == "assistant":  # its answer is begun for it
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    return _given(body)


def counted_body(request: Counting) -> Fields:
    """As far as it is part of the prompt."""
    return _given(
        {
            "model": request.model,
            "messages": [*_system(request), *_messages(request)],
            "tools": [_tool(tool, request.model) for tool in request.tools or ()] or None,
        }
    )


def _given(body: Fields) -> Fields:
    return {name: value for name, value in body.items() if value is not None}


def _refuse(request: MessagesRequest) -> None:
    named = {"mcp_servers": request.mcp_servers, "container": request.container}
    if missing := [name for name, value in named.items() if value]:
        raise Unsupported(missing, model=request.model)


def _system(request: Counting) -> Iterator[Fields]:
    said = request.system
    text = said if isinstance(said, str) else "\n\n".join(block.text for block in said or ())
    if text:
        yield {"role": "system", "content": text}


def _messages(request: Counting) -> Iterator[Fields]:
    for message in request.messages:
        blocks = _blocks(message)
        if message.role == "assistant":
            yield _assistant(blocks, request.model)
            continue
        # Results come first: they answer the calls of the message before.
        for block in blocks:
            if isinstance(block, ToolResultBlock):
                yield _result(block, request.model)
        rest = [block for block in blocks if not isinstance(block, ToolResultBlock)]
        if rest or not blocks:
            yield {"role": message.role, "content": _content(rest, request.model)}


def _blocks(message: MessageField) -> Sequence[Block]:
    if isinstance(message.content, str):
        return [TextBlock(message.content)]
    return message.content


def _assistant(blocks: Sequence[Block], model: str) -> Fields:
    calls = [
        {
            "id": block.id,
            "type": "function",
            "function": {
                "name": block.name,
                "arguments": json.dumps(block.input, ensure_ascii=False),
            },
        }
        for block in blocks
        if isinstance(block, ToolUseBlock)
    ]
    thought = "".join(block.thinking for block in blocks if isinstance(block, ThinkingBlock))
    said = [block for block in blocks if isinstance(block, TextBlock | ImageBlock)]
    return _given(
        {
            "role": "assistant",
            "content": _content(said, model) if said or not calls else None,
            "reasoning_content": thought or None,
            "tool_calls": calls or None,
        }
    )


def _result(block: ToolResultBlock, model: str) -> Fields:
    content = block.content
    said: Sequence[Block] = [TextBlock(content)] if isinstance(content, str) else content or ()
    if block.is_error:
        said = [TextBlock("Error: "), *said]
    return {
        "role": "tool",
        "tool_call_id": block.tool_use_id,
        "content": _content(said, model),
    }


def _content(blocks: Sequence[Block], model: str) -> str | list[Fields]:
    """Text where there is nothing else: some templates take no parts."""
    texts = [block.text for block in blocks if isinstance(block, TextBlock)]
    if len(texts) == len(blocks):
        return "".join(texts)
    return [_part(block, model) for block in blocks]


def _part(block: Block, model: str) -> Fields:
    match block:
        case TextBlock(text):
            return {"type": "text", "text": text}
        case ImageBlock(Base64Source(media_type, data)):
            return _image(f"data:{media_type};base64,{data}")
        case ImageBlock(UrlSource(url)):
            return _image(url)
        case ImageBlock(FileSource()):
            raise Unsupported(["image.source: file"], model=model)
    raise InvalidRequest(
        f"messages: a block of type {block.__struct_config__.tag} does not belong there",
        param="messages",
    )


def _image(url: str) -> Fields:
    return {"type": "image_url", "image_url": {"url": url}}


def _tool(tool: ToolField, model: str) -> Fields:
    if tool.type not in (None, "custom"):
        raise Unsupported([f"tools: {tool.type}"], model=model)
    return {
        "type": "function",
        "function": _given(
            {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.input_schema,
            }
        ),
    }


def _tool_choice(request: MessagesRequest) -> Fields:
    choice = request.tool_choice
    if choice is None:
        return {}
    named: object = {"auto": "auto", "any": "required", "none": "none"}.get(choice.type)
    if choice.type == "tool":
        named = {"type": "function", "function": {"name": choice.name or ""}}
    return _given(
        {
            "tool_choice": named,
            "parallel_tool_calls": False if choice.disable_parallel_tool_use else None,
        }
    )


def _effort(request: MessagesRequest) -> str | None:
    if request.output_config is not None and request.output_config.effort is not None:
        return request.output_config.effort
    thinking = request.thinking
    if thinking is None or thinking.type == "adaptive":
        return None
    if thinking.type == "disabled":
        return "none"
    budget = thinking.budget_tokens or 0
    return next((effort for most, effort in _EFFORTS if budget <= most), "high")


def _response_format(request: MessagesRequest) -> Fields | None:
    wanted: OutputFormat | None = request.output_format
    if request.output_config is not None and request.output_config.format is not None:
        wanted = request.output_config.format
    if wanted is None:
        return None
    schema = {"name": "answer", "schema": wanted.schema}
    return {"type": "json_schema", "json_schema": schema}
