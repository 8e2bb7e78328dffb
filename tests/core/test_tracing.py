"""W3C's `traceparent`: what is read of it, and what is written."""

import pytest

from fastchat.core.tracing import Place, Span, Tracing, place_of

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{SPAN}-01".encode()


def test_a_place_is_read_as_it_is_written() -> None:
    place = place_of(GIVEN)
    assert place == Place(int(TRACE, 16), int(SPAN, 16), True)
    assert place is not None
    assert place.header == GIVEN
    assert place_of(f"01-{TRACE}-{SPAN}-00-more".encode()) == place._replace(sampled=False)


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"nonsense",
        f"ff-{TRACE}-{SPAN}-01".encode(),
        f"00-{TRACE}-{SPAN}-01-more".encode(),
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"00-{TRACE.upper()}-{SPAN}-01".encode(),
        f"00-{TRACE}-{SPAN}-0\r\nx: y".encode(),
    ],
)
def test_what_is_no_traceparent_is_as_if_there_was_none(header: bytes | None) -> None:
    assert place_of(header) is None
    opened = Tracing(record=lambda span: None).open(header)
    assert opened.parent is None
    assert place_of(opened.place.header) == opened.place


def test_a_span_below_another_is_in_its_trace() -> None:
    opened = Tracing(record=lambda span: None).open(GIVEN)
    assert opened.parent == place_of(GIVEN)
    assert opened.place.trace_id == int(TRACE, 16)
    assert opened.place.span_id != int(SPAN, 16)


def test_who_wants_no_trace_gets_none() -> None:
    seen: list[Span] = []
    tracing = Tracing(record=seen.append)
    for flags in (b"00", b"01"):
        opened = tracing.open(GIVEN[:-2] + flags)
        tracing.told(Span(name="x", opened=opened, kind="server", began=1, ended=2, told={}))
    assert len(seen) == 1
