"""The templates by name: `templates.toml`, read when first asked for, and what a user adds."""

import tomllib
from collections.abc import Iterator, MutableMapping
from functools import cached_property
from pathlib import Path
from typing import Any

from fastchat.conversation.conversation import Conversation
from fastchat.conversation.style import SeparatorStyle
from fastchat.core.errors import ConfigError


class TemplateTable(MutableMapping[str, Conversation]):
    @cached_property
    def _templates(self) -> dict[str, Conversation]:
        text = Path(__file__).with_name("templates.toml").read_text("utf-8")
        return {name: _template(name, row) for name, row in tomllib.loads(text).items()}

    def __getitem__(self, name: str) -> Conversation:
        return self._templates[name]

    def __setitem__(self, name: str, template: Conversation) -> None:
        self._templates[name] = template

    def __delitem__(self, name: str) -> None:
        del self._templates[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._templates)

    def __len__(self) -> int:
        return len(self._templates)


# One table for the whole process, because `register_conv_template` has always been a function.
conv_templates = TemplateTable()


def register_conv_template(template: Conversation, override: bool = False) -> None:
    """Add a template under its name. Raises `ConfigError` if there is one and `override` is off."""
    if template.name in conv_templates and not override:
        raise ConfigError(
            f"a conversation template {template.name!r} is registered already: "
            "choose another name, or pass override=True to replace it"
        )
    conv_templates[template.name] = template


def get_conv_template(name: str) -> Conversation:
    """A copy, to fill with messages. Raises KeyError for an unknown name."""
    return conv_templates[name].copy()


def _template(name: str, row: dict[str, Any]) -> Conversation:
    examples = row.pop("examples", [])
    style = row.pop("sep_style", None)
    return Conversation(
        name=name,
        roles=tuple(row.pop("roles")),
        messages=examples,
        offset=len(examples),
        sep_style=SeparatorStyle[style] if style else None,
        sep=row.pop("sep", None),
        **row,
    )
