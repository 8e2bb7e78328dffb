"""How a conversation is written down as one text: the names of the ways, and what each is given."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

# Who speaks and what; None is a turn that stands open for the model to fill.
Turn = tuple[str, str | None]


class SeparatorStyle(IntEnum):
    """The numbers go over the wire and are those of FastChat 0.2.36."""

    ADD_COLON_SINGLE = 1
    ADD_COLON_TWO = 2
    ADD_COLON_SPACE_SINGLE = 3
    NO_COLON_SINGLE = 4
    NO_COLON_TWO = 5
    ADD_NEW_LINE_SINGLE = 6
    LLAMA2 = 7
    CHATGLM = 8
    CHATML = 9
    CHATINTERN = 10
    DOLLY = 11
    RWKV = 12
    PHOENIX = 13
    ROBIN = 14
    FALCON_CHAT = 15
    CHATGLM3 = 16
    DEEPSEEK_CHAT = 17
    METAMATH = 18
    YUAN2 = 19


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcript:
    """`system` is the filled system template, which may say something without a system message."""

    template_name: str
    system: str
    has_system_message: bool
    roles: tuple[str, ...]
    turns: tuple[Turn, ...]
    sep: str
    sep2: str

    def alternating(self) -> Iterator[tuple[str, str | None, str]]:
        """Each turn with the separator that ends it: `sep` for questions, `sep2` for answers."""
        for i, (role, text) in enumerate(self.turns):
            yield role, text, self.sep2 if i % 2 else self.sep
