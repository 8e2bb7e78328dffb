"""The formats in which families write calls, recognized by their chat template's own source."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastchat.model.writing.bodies import (
    DEEPSEEK,
    NewBody,
    deepseek_call,
    json_call,
    mistral_call,
    tagged_call,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """`signs` stand in the template's source. A call begins behind `opens`; `drops` are marks that
    stand around calls and are never shown. `bare`: a call may be the whole answer, without marks.
    `spelt`: the marks are ordinary text, so that a grammar can ask for them."""

    name: str
    signs: tuple[str, ...]
    opens: str
    drops: tuple[str, ...] = ()
    body: NewBody = json_call
    bare: bool = False
    spelt: bool = False

    @property
    def closes(self) -> str:
        return self.drops[0] if self.drops else ""

    @property
    def marks(self) -> tuple[str, ...]:
        return tuple(mark for mark in (self.opens, *self.drops) if mark)


HERMES = Format(
    name="hermes",
    signs=("<tool_call>",),
    opens="<tool_call>",
    drops=("</tool_call>",),
    bare=True,
    spelt=True,
)

# The first whose signs are all there.
FORMATS: Sequence[Format] = (
    Format(
        name="qwen3-coder",
        signs=("<tool_call>", "<function="),
        opens="<tool_call>",
        drops=("</tool_call>",),
        body=tagged_call,
    ),
    HERMES,
    Format(
        name="deepseek",
        signs=(DEEPSEEK.format("tool▁call▁begin"),),
        opens=DEEPSEEK.format("tool▁call▁begin"),
        drops=(
            DEEPSEEK.format("tool▁calls▁begin"),
            DEEPSEEK.format("tool▁calls▁end"),
            DEEPSEEK.format("tool▁call▁end"),
        ),
        body=deepseek_call,
    ),
    Format(
        name="mistral",
        signs=("[TOOL_CALLS]", "[ARGS]"),
        opens="[TOOL_CALLS]",
        body=mistral_call,
    ),
    Format(
        name="mistral-list", signs=("[TOOL_CALLS]",), opens="[TOOL_CALLS]", drops=("[/TOOL_CALLS]",)
    ),
    Format(
        name="llama",
        signs=("<|python_tag|>",),
        opens="<|python_tag|>",
        drops=("<|eom_id|>",),
        bare=True,
    ),
)


def format_of(template: str) -> Format:
    """Templates that say nothing of it are taught the commonest."""
    return next((one for one in FORMATS if all(sign in template for sign in one.signs)), HERMES)
