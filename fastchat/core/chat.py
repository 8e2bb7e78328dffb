"""A conversation with a model: what was said, by whom, and which tools there are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "developer", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """`url` is a data URL, or one that whoever runs the model may fetch."""

    url: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Audio:
    """`data` is base64, `format` such as wav or mp3."""

    data: str
    format: str


Part = Text | Image | Audio


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """`arguments` is JSON as the model wrote it: it may be no JSON at all."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """An assistant's may have `reasoning` and `tool_calls`; a tool's answers `tool_call_id`."""

    role: Role
    content: str | tuple[Part, ...] = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        return (Text(self.content),) if isinstance(self.content, str) else self.content

    @property
    def text(self) -> str:
        """The parts that are text, as one."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    def has(self, kind: type[Part]) -> bool:
        return any(isinstance(part, kind) for part in self.parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """A function that the model may ask for. `parameters` is a JSON schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class NamedTool:
    name: str


# "required": some tool must be called; a named one: that one.
ToolChoice = Literal["none", "auto", "required"] | NamedTool


@dataclass(frozen=True, slots=True)
class Chat:
    """What the engine renders with the model's own template. `reasoning_effort` is a word such as
    low, or none; whoever sets no store by it leaves it out."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    reasoning_effort: str | None = None

    @property
    def offers_tools(self) -> bool:
        return bool(self.tools) and self.tool_choice != "none"

    @property
    def must_call(self) -> bool:
        return self.tool_choice not in ("none", "auto")

    @property
    def speaks_of_tools(self) -> bool:
        return any(one.role == "tool" or one.tool_calls for one in self.messages)
