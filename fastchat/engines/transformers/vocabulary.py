"""A tokenizer of the Hugging Face kind: texts, ids, bytes, chats."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from fastchat.core.errors import InvalidRequest
from fastchat.core.generation import Chat
from fastchat.engines.transformers.guide import Guides
from fastchat.model.writing import Manner
from fastchat.protocol.openai.fields import effort_arguments, template_message, tool_field

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_BLANK = "\N{LOWER ONE EIGHTH BLOCK}"
_BYTE_LEVEL_BLANK = "\N{LATIN CAPITAL LETTER G WITH DOT ABOVE}"


class Vocabulary:
    """Without a model it tells nothing of ends, and has all tokens that the tokenizer has."""

    def __init__(self, tokenizer: Any, model: Any = None) -> None:
        self._tokenizer = tokenizer
        self.manner = Manner.of(_template_source(tokenizer))
        self._decode = _decoder(tokenizer, self.manner.every_mark)
        self._marks = frozenset(tokenizer.all_special_ids)
        self._bytes = _byte_values() if _BYTE_LEVEL_BLANK in tokenizer.get_vocab() else {}
        # What a tokenizer has beyond the model's table would read outside of it.
        self.size = len(tokenizer) if model is None else _rows(model)
        self.ends = frozenset(() if model is None else _ends(tokenizer, model))
        self.guides = Guides(tokenizer, size=self.size, ends=sorted(self.ends))

    @property
    def has_chat_template(self) -> bool:
        return getattr(self._tokenizer, "chat_template", None) is not None

    def encode(self, text: str, *, bare: bool = False) -> tuple[int, ...]:
        """`bare`: without the tokens that the tokenizer puts around texts."""
        return tuple(self._tokenizer(text, add_special_tokens=not bare)["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        return self._decode(list(ids))

    def raw(self, id: int) -> bytes:
        """The bytes of one token, which may be a part of a character."""
        piece = str(self._tokenizer.convert_ids_to_tokens(id))
        if match := _BYTE.fullmatch(piece):
            return bytes([int(match[1], 16)])
        if self._bytes and all(character in self._bytes for character in piece):
            return bytes(self._bytes[character] for character in piece)
        return piece.replace(_BLANK, " ").encode()

    def is_mark(self, id: int) -> bool:
        """Whether it stands for no text."""
        return id in self._marks

    def render(self, chat: Chat) -> str:
        """Raises `InvalidRequest` with the template's own reason."""
        told = self.manner.told(chat)
        words: dict[str, Any] = {}
        if told.offers_tools:
            words["tools"] = [tool_field(tool) for tool in told.tools]
        if told.reasoning_effort is not None:
            words |= effort_arguments(told.reasoning_effort)
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    [template_message(one) for one in told.messages],
                    tokenize=False,
                    add_generation_prompt=True,
                    **words,
                )
            )
        except Exception as error:  # noqa: BLE001  # a template may raise whatever it likes
            message = f"The model's chat template refuses these messages: {error}"
            raise InvalidRequest(message, param="messages") from None

    def check(self, param: str, ids: Iterable[int]) -> None:
        unknown = [id for id in ids if not 0 <= id < self.size]
        if unknown:
            raise InvalidRequest(
                f"{param}: this model's tokens are 0 to {self.size - 1}, not {unknown[0]}",
                param=param,
            )


def _template_source(tokenizer: Any) -> str:
    """Some have several, by name."""
    template = getattr(tokenizer, "chat_template", None) or ""
    return template if isinstance(template, str) else "\n".join(map(str, template.values()))


def _decoder(tokenizer: Any, marks: Sequence[str]) -> Callable[[list[int]], str]:
    """Called twice a token: without the wrapping that only looks at types, where there is no more
    to it. Marks of calls and reasoning are shown even where they are special tokens."""
    from transformers import PreTrainedTokenizerFast

    known = tokenizer.get_vocab()
    shown = {known[mark] for mark in marks if mark in known}
    special = set(tokenizer.all_special_ids)
    fast = getattr(type(tokenizer), "_decode", None) is PreTrainedTokenizerFast._decode
    words: dict[str, Any] = {"skip_special_tokens": True}
    if not fast:
        words["clean_up_tokenization_spaces"] = False
    decode = tokenizer.backend_tokenizer.decode if fast else tokenizer.decode
    if not special & shown:
        return partial(decode, **words)
    hidden = special - shown
    words["skip_special_tokens"] = False
    return lambda ids: str(decode([id for id in ids if id not in hidden], **words))


def _rows(model: Any) -> int:
    return int(model.get_input_embeddings().weight.shape[0])


def _ends(tokenizer: Any, model: Any) -> set[int]:
    """Both are asked: a chat model's config often names only the end of a text."""
    found: set[int] = set()
    for value in (model.generation_config.eos_token_id, tokenizer.eos_token_id):
        found.update([value] if isinstance(value, int) else value or ())
    return found


def _byte_values() -> dict[str, int]:
    """How byte-level tokenizers write bytes: printable ones as themselves, the others above 255."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + number): byte for number, byte in enumerate(others)
    }
