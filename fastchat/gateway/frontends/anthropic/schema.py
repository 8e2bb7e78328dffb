"""What clients of Anthropic's Messages send. Fields that nobody here knows are ignored; those that
would change the answer and that we do not honour are known, so that they can be refused by name."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

MESSAGES, COUNT = "/v1/messages", "/v1/messages/count_tokens"


class TextBlock(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    text: str


class Base64Source(msgspec.Struct, frozen=True, tag_field="type", tag="base64"):
    media_type: str
    data: str


class UrlSource(msgspec.Struct, frozen=True, tag_field="type", tag="url"):
    url: str


class FileSource(msgspec.Struct, frozen=True, tag_field="type", tag="file"):
    file_id: str = ""


class ImageBlock(msgspec.Struct, frozen=True, tag_field="type", tag="image"):
    source: Base64Source | UrlSource | FileSource


class ThinkingBlock(msgspec.Struct, frozen=True, tag_field="type", tag="thinking"):
    thinking: str


class RedactedBlock(msgspec.Struct, frozen=True, tag_field="type", tag="redacted_thinking"):
    """Nobody but Anthropic can read it."""


class ToolUseBlock(msgspec.Struct, frozen=True, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: dict[str, Any] = {}  # msgspec copies an empty default


class ToolResultBlock(msgspec.Struct, frozen=True, tag_field="type", tag="tool_result"):
    tool_use_id: str
    content: str | list[TextBlock | ImageBlock] | None = None
    is_error: bool | None = None


Block = TextBlock | ImageBlock | ThinkingBlock | RedactedBlock | ToolUseBlock | ToolResultBlock


class MessageField(msgspec.Struct, frozen=True, kw_only=True):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class ToolField(msgspec.Struct, frozen=True, kw_only=True):
    """`type` other than custom is a tool that Anthropic runs itself."""

    name: str
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None


class ToolChoiceField(msgspec.Struct, frozen=True, kw_only=True):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    budget_tokens: int | None = None


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str | None = None


class OutputFormat(msgspec.Struct, frozen=True, kw_only=True):
    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputConfig(msgspec.Struct, frozen=True, kw_only=True):
    format: OutputFormat | None = None
    effort: str | None = None


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """What tokens are counted of."""

    model: str
    messages: Annotated[list[MessageField], Meta(min_length=1)]
    system: str | list[TextBlock] | None = None
    tools: list[ToolField] | None = None
    tool_choice: ToolChoiceField | None = None
    thinking: Thinking | None = None


class MessagesRequest(Counting, frozen=True, kw_only=True):
    max_tokens: Annotated[int, Meta(ge=1)]
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    metadata: Metadata | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    mcp_servers: list[Any] | None = None
    container: Any = None
