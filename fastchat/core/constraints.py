"""What an answer must look like, enforced while it is written and never by asking again."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The empty schema means any JSON object. `name` and `strict` are for servers that ask."""

    schema: Mapping[str, object]
    name: str = "answer"
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Regex:
    """The whole answer matches."""

    pattern: str


@dataclass(frozen=True, slots=True)
class OneOf:
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grammar:
    """Lark or GBNF, as the engine has it."""

    text: str


Constraint = JsonSchema | Regex | OneOf | Grammar
