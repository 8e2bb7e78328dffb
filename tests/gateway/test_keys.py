import pytest

from fastchat.core.errors import InvalidKey
from fastchat.gateway.keys import KeyRing

RING = KeyRing.of(["key1", "key2"])


@pytest.mark.parametrize("shown", [b"Bearer key1", b"bearer key2", b"Bearer  key1 "])
def test_a_known_key_passes(shown: bytes) -> None:
    RING.check(shown)


@pytest.mark.parametrize("shown", [None, b"", b"Bearer", b"Bearer key3", b"key1", b"Basic key1"])
def test_anything_else_does_not(shown: bytes | None) -> None:
    with pytest.raises(InvalidKey):
        RING.check(shown)


def test_an_empty_ring_lets_everybody_in() -> None:
    KeyRing.of([]).check(None)


def test_keys_are_not_kept() -> None:
    assert "key1" not in repr(RING)
