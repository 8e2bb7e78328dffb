import pytest

from fastchat.relay.work import as_lines, says_close


@pytest.mark.parametrize(
    ("value", "says"), [(b"close", True), (b"keep-alive", False), (b"closed", False)]
)
def test_a_head_says_close_only_in_a_line_of_its_own(value: bytes, says: bool) -> None:
    kind = (b"content-type", b"t;connection: close")
    assert says_close(as_lines([kind, (b"connection", value)])) is says
    assert says_close(as_lines([(b"connection", value), kind])) is says
