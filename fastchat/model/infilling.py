"""How models are asked for what stands between two texts, by the marks in their vocabulary."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Infilling:
    """The model writes on behind the last mark."""

    before: str
    after: str
    middle: str

    @property
    def marks(self) -> tuple[str, str, str]:
        return self.before, self.after, self.middle

    def prompt(self, text: str, suffix: str) -> str:
        return f"{self.before}{text}{self.after}{suffix}{self.middle}"


INFILLINGS: Sequence[Infilling] = (
    # Qwen2.5-Coder, CodeGemma
    Infilling("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    # StarCoder, Granite
    Infilling("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    # DeepSeek-Coder
    Infilling(
        *(
            f"<\N{FULLWIDTH VERTICAL LINE}fim\N{LOWER ONE EIGHTH BLOCK}{place}"
            "\N{FULLWIDTH VERTICAL LINE}>"
            for place in ("begin", "hole", "end")
        )
    ),
)


def infilling_of(is_token: Callable[[str], bool]) -> Infilling | None:
    """None for a model that was not taught it: its vocabulary has none of the marks."""
    return next((one for one in INFILLINGS if all(map(is_token, one.marks))), None)
