"""A template as `/worker_get_conv_template` sends it: a plain mapping.

Later commits of FastChat, still called 0.2.36, put a style in as number 8 and so moved all that
follow up by one. Names of templates mean the same in both, so a known name decides.
"""

from collections.abc import Mapping
from dataclasses import asdict
from string import Formatter
from typing import Annotated, Any

import msgspec

from fastchat.conversation.conversation import Conversation
from fastchat.conversation.style import SeparatorStyle
from fastchat.conversation.templates import conv_templates

# The later numbering; these templates exist only there, in styles or numbers that mislead here.
_LATER_ONLY = frozenset({"llama-3", "meta-llama-3.1", "meta-llama-3.1-sp", "llava-chatml"})
_FIRST_MOVED = SeparatorStyle.CHATGLM


class _Wire(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    system_template: str
    system_message: str
    roles: Annotated[tuple[str, ...], msgspec.Meta(min_length=2)]
    messages: list[tuple[str, str | None]]
    offset: Annotated[int, msgspec.Meta(ge=0)]
    sep_style: int | None
    sep: str | None
    sep2: str | None = None
    stop_str: str | list[str] | None = None
    stop_token_ids: list[int] | None = None


def to_wire(template: Conversation) -> dict[str, Any]:
    return asdict(template)


def from_wire(conv: Mapping[str, Any]) -> Conversation:
    """Raises ValueError for a mapping that is no template, or one that cannot be rendered here."""
    try:
        wire = msgspec.convert(conv, _Wire)
    except msgspec.ValidationError as error:
        raise ValueError(f"not a conversation template: {error}") from None
    _check_system_template(wire.system_template)
    fields = msgspec.structs.asdict(wire)
    return Conversation(**fields | {"sep_style": _style(wire.name, wire.sep_style)})


def _style(name: str, number: int | None) -> SeparatorStyle | None:
    if name in _LATER_ONLY:
        raise ValueError(f"the template {name!r} of a later FastChat cannot be rendered here")
    known = conv_templates.get(name)
    if known is not None and (known.sep_style is None or number in _numbers(known.sep_style)):
        return known.sep_style
    if number is None:
        return None
    try:
        return SeparatorStyle(number)
    except ValueError:
        raise ValueError(f"the template {name!r} has an unknown style: {number}") from None


def _numbers(style: SeparatorStyle) -> tuple[int, ...]:
    """What either numbering calls it. Any other number means the peer changed the template."""
    return (style,) if style < _FIRST_MOVED else (style, style + 1)


def _check_system_template(text: str) -> None:
    """A peer's text is formatted here: it may name the system message and nothing else."""
    for _, name, spec, conversion in Formatter().parse(text):
        if name is not None and (name != "system_message" or spec or conversion):
            raise ValueError(f"not a system template: {text!r}")
