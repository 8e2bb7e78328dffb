import json
from collections.abc import Iterator
from typing import Any

import pytest

from fastchat.conversation import (
    Conversation,
    SeparatorStyle,
    conv_templates,
    get_conv_template,
    register_conv_template,
    to_wire,
)
from fastchat.core.errors import ConfigError
from tests.compat.make_goldens import CONVERSATIONS, GOLDENS, prompts

FIELDS: dict[str, Any] = json.loads((GOLDENS / "templates.json").read_text("utf-8"))
PROMPTS: dict[str, Any] = json.loads((GOLDENS / "prompts.json").read_text("utf-8"))

every_template = pytest.mark.parametrize("name", sorted(FIELDS["templates"]))


def _as_json(value: object) -> Any:
    return json.loads(json.dumps(value))


@pytest.fixture
def own_template() -> Iterator[Conversation]:
    yield Conversation(name="own", roles=("Q", "A"), sep=" | ")
    conv_templates.pop("own", None)


def test_there_are_the_templates_of_the_original_and_no_others() -> None:
    assert sorted(conv_templates) == sorted(FIELDS["templates"])
    assert len(conv_templates) == 83


def test_the_styles_have_the_numbers_of_the_original() -> None:
    assert {style.name: int(style) for style in SeparatorStyle} == FIELDS["styles"]


def test_the_goldens_are_about_the_conversations_asked_here() -> None:
    assert _as_json(CONVERSATIONS) == PROMPTS["conversations"]


@every_template
def test_a_template_has_the_fields_of_the_original(name: str) -> None:
    assert _as_json(to_wire(get_conv_template(name))) == FIELDS["templates"][name]


@every_template
def test_a_template_writes_what_the_original_writes(name: str) -> None:
    ours = prompts({name: get_conv_template(name)})["templates"][name]
    assert ours["in_clear"] == PROMPTS["templates"][name]["in_clear"]
    assert ours["digests"] == PROMPTS["templates"][name]["digests"]


@every_template
def test_filling_a_copy_leaves_the_template_alone(name: str) -> None:
    copy = get_conv_template(name)
    copy.set_system_message("changed")
    copy.append_message(copy.roles[0], "Hello!")
    copy.stop_token_ids = [*(copy.stop_token_ids or []), 7]
    assert _as_json(to_wire(conv_templates[name])) == FIELDS["templates"][name]


def test_an_unknown_template_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nobody"):
        get_conv_template("nobody")


def test_a_registered_template_is_found(own_template: Conversation) -> None:
    register_conv_template(own_template)
    found = get_conv_template("own")
    assert found == own_template
    assert found is not own_template


def test_a_name_is_registered_once(own_template: Conversation) -> None:
    register_conv_template(own_template)
    with pytest.raises(ConfigError, match="override=True"):
        register_conv_template(Conversation(name="own"))
    assert get_conv_template("own").roles == ("Q", "A")


def test_overriding_replaces_a_template(own_template: Conversation) -> None:
    register_conv_template(own_template)
    register_conv_template(Conversation(name="own", roles=("X", "Y")), override=True)
    assert get_conv_template("own").roles == ("X", "Y")
