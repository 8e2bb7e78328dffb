import pytest

from fastchat.core.errors import InvalidRequest
from fastchat.protocol.codec import decode
from fastchat.protocol.openai.requests import Peek


@pytest.mark.parametrize(
    "body",
    [b'{"model": "\xff"}', b'{"model": "m", "unknown": "\xff"}', b'{"\xff": 1, "model": "m"}'],
)
def test_what_is_no_utf_8_is_refused_wherever_it_stands(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="not valid JSON"):
        decode(body, Peek)


def test_text_of_any_language_passes() -> None:
    assert decode('{"model": "模型", "unknown": "é"}'.encode(), Peek).model == "模型"
