"""What clients send. Fields nobody here knows are ignored; fields that would change the answer and
that we do not honour are known, so that they can be refused by name.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Stop = str | Annotated[list[str], Meta(max_length=64)] | None
MOST_TOOLS = 1024
TokenIds = Annotated[list[int], Meta(max_length=64)]


class Peek(msgspec.Struct, frozen=True):
    """The fields a gateway needs to route a request."""

    model: str
    stream: bool | None = None
    user: str | None = None


def changed(body: bytes, **values: object) -> bytes:
    """A request that was decoded before, with these fields; every other value keeps its bytes."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    fields |= {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in values.items()}
    return msgspec.json.encode(fields)


class TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    text: str


class RefusalPart(msgspec.Struct, frozen=True, tag_field="type", tag="refusal"):
    """What an assistant said instead of an answer."""

    refusal: str


class ImageUrl(msgspec.Struct, frozen=True):
    url: str
    detail: str | None = None


class ImagePart(msgspec.Struct, frozen=True, tag_field="type", tag="image_url"):
    image_url: ImageUrl | str


class InputAudio(msgspec.Struct, frozen=True):
    data: str
    format: str


class AudioPart(msgspec.Struct, frozen=True, tag_field="type", tag="input_audio"):
    input_audio: InputAudio


class FilePart(msgspec.Struct, frozen=True, tag_field="type", tag="file"):
    file: Any = None


Part = TextPart | RefusalPart | ImagePart | AudioPart | FilePart


class CalledFunction(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    arguments: str = "{}"


class CallField(msgspec.Struct, frozen=True, kw_only=True):
    function: CalledFunction
    id: str = ""
    type: Literal["function"] | None = None


class ChatMessage(msgspec.Struct, frozen=True, kw_only=True):
    """`content` may only be missing where an assistant calls tools. Others write `reasoning` for
    `reasoning_content`."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[CallField] | None = None
    tool_call_id: str | None = None
    function_call: CalledFunction | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class FunctionField(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(pattern=r"^[^\s\x00-\x1f]{1,128}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolField(msgspec.Struct, frozen=True, kw_only=True):
    """`type` other than function is refused by its name."""

    type: str
    function: FunctionField | None = None


class NamedFunction(msgspec.Struct, frozen=True):
    name: str


class NamedToolField(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    function: NamedFunction | None = None


class StreamOptions(msgspec.Struct, frozen=True, kw_only=True):
    include_usage: bool | None = None


class JsonSchemaFormat(msgspec.Struct, frozen=True, kw_only=True):
    schema: dict[str, Any] = {}  # msgspec copies an empty default
    name: str = "answer"
    strict: bool | None = None


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchemaFormat | None = None


class Continued(msgspec.Struct, frozen=True, kw_only=True):
    """Between processes of ours: `text` is what another worker answered to this request before it
    was lost, `created` the time that its stream bears. The rest of that stream is wanted."""

    text: str
    created: int


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """What chat and plain completions have in common."""

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    stop: Stop = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    logit_bias: dict[str, float] | None = None
    response_format: ResponseFormat | None = None
    user: str | None = None
    stop_token_ids: TokenIds | None = None
    guided_json: dict[str, Any] | str | None = None
    guided_regex: str | None = None
    guided_choice: list[str] | None = None
    guided_grammar: str | None = None
    min_tokens: int | None = None
    ignore_eos: bool | None = None
    continued: Continued | None = None


class ChatRequest(Generation, frozen=True, kw_only=True):
    """`messages` as one string is a raw prompt, as it was in 0.2.36. With `continue_final_message`
    (as other servers spell it) the last message is the assistant's and goes on."""

    messages: str | list[ChatMessage]
    continue_final_message: bool | None = None
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: Annotated[list[ToolField], Meta(max_length=MOST_TOOLS)] | None = None
    tool_choice: str | NamedToolField | None = None
    parallel_tool_calls: bool | None = None
    functions: Annotated[list[FunctionField], Meta(max_length=MOST_TOOLS)] | None = None
    function_call: str | NamedFunction | None = None
    modalities: list[str] | None = None
    reasoning_effort: str | None = None


class CompletionRequest(Generation, frozen=True, kw_only=True):
    prompt: str | list[str | int | list[int]]
    logprobs: int | None = None
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None
    use_beam_search: bool | None = None


class TokenizeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Count or list the tokens of a text, or of a chat as the model's template renders it."""

    model: str | None = None
    prompt: str | None = None
    messages: list[ChatMessage] | None = None
    tools: Annotated[list[ToolField], Meta(max_length=MOST_TOOLS)] | None = None


class DetokenizeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The text of these tokens."""

    model: str | None = None
    tokens: Annotated[list[int], Meta(max_length=1_000_000)]
