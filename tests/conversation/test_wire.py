import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastchat.conversation import (
    SeparatorStyle,
    conv_templates,
    from_wire,
    get_conv_template,
    to_wire,
)

every_template = pytest.mark.parametrize("name", sorted(conv_templates))

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def _sent(template: str, /, **changes: Any) -> dict[str, Any]:
    """A template as it comes out of JSON at the other end."""
    sent: dict[str, Any] = json.loads(json.dumps(to_wire(get_conv_template(template)) | changes))
    return sent


@every_template
def test_a_template_survives_the_wire(name: str) -> None:
    assert from_wire(_sent(name)) == get_conv_template(name)


@every_template
def test_a_template_in_the_later_numbering_is_known_by_name(name: str) -> None:
    style = conv_templates[name].sep_style
    later = 23 if style is None else style + (style >= SeparatorStyle.CHATGLM)
    assert from_wire(_sent(name, sep_style=later)) == get_conv_template(name)


def test_an_unknown_name_is_read_by_the_number() -> None:
    received = from_wire(_sent("zephyr", name="own"))
    assert received.sep_style is SeparatorStyle.CHATML
    assert received.name == "own"


def test_a_known_name_in_another_style_is_read_by_the_number() -> None:
    changed = _sent("zephyr", sep_style=1)
    assert from_wire(changed).sep_style is SeparatorStyle.ADD_COLON_SINGLE


def test_what_a_peer_changed_in_a_known_template_is_kept() -> None:
    changed = _sent("vicuna_v1.1", system_message="Be brief.", stop_str=["x"])
    received = from_wire(changed)
    assert (received.system_message, received.stop_str) == ("Be brief.", ["x"])


def test_a_template_that_only_later_versions_can_write_is_refused() -> None:
    with pytest.raises(ValueError, match="'llama-3' of a later FastChat"):
        from_wire(_sent("chatglm", name="llama-3"))


def test_an_unknown_number_is_refused() -> None:
    with pytest.raises(ValueError, match="'own' has an unknown style: 23"):
        from_wire(_sent("zephyr", name="own", sep_style=23))


def test_a_remote_template_of_an_unknown_name_has_no_style() -> None:
    assert from_wire(_sent("chatgpt", name="own")).sep_style is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("roles", ["USER"]),
        ("offset", -1),
        ("messages", [["USER"]]),
        ("sep_style", "CHATML"),
        ("system_template", "{system_message.__class__}"),
        ("system_template", "{system_message:>99999999}"),
        ("system_template", "{system_message!r}"),
        ("system_template", "{other}"),
        ("system_template", "{"),
    ],
)
def test_what_is_no_template_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"template|'}'|'{'"):
        from_wire(_sent("vicuna_v1.1", **{field: value}))


def test_a_missing_field_is_named() -> None:
    sent = _sent("vicuna_v1.1")
    del sent["roles"]
    with pytest.raises(ValueError, match=r"not a conversation template.*`roles`"):
        from_wire(sent)


@given(st.sampled_from(sorted(to_wire(get_conv_template("zephyr")))), anything)
def test_a_peer_cannot_break_the_reading(field: str, value: object) -> None:
    sent = _sent("zephyr") | {field: value}
    with suppress(ValueError):
        assert isinstance(from_wire(sent).get_prompt(), str)
