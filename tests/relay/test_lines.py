import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastchat.relay.lines import as_lines, milliseconds, says_close


@pytest.mark.parametrize(
    ("value", "says"), [(b"close", True), (b"keep-alive", False), (b"closed", False)]
)
def test_a_head_says_close_only_in_a_line_of_its_own(value: bytes, says: bool) -> None:
    kind = (b"content-type", b"t;connection: close")
    assert says_close(as_lines([kind, (b"connection", value)])) is says
    assert says_close(as_lines([(b"connection", value), kind])) is says


@given(st.floats(min_value=0, max_value=1e6))
def test_milliseconds_are_written_with_one_digit(seconds: float) -> None:
    assert float(milliseconds(seconds)) == pytest.approx(seconds * 1e3, abs=0.0501)
    assert milliseconds(0.01234) == b"12.3"
