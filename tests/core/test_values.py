import pytest

from fastchat.core.values import Bounds, http_url, number

PORT = Bounds(at_least=0, at_most=65535)


@pytest.mark.parametrize(
    ("bounds", "text", "says"),
    [
        (PORT, "70000", "70000 is too large: give a number from 0 to 65535"),
        (PORT, "-1", "-1 is too small: give a number from 0 to 65535"),
        (Bounds(above=0), "0", "0 is too small: give a number above 0"),
        (Bounds(at_least=1), "0", "give a number of at least 1"),
        (Bounds(at_most=2), "3", "give a number of at most 2"),
        (Bounds(at_least=1), "1.5", "'1.5' is not a whole number"),
    ],
)
def test_a_number_out_of_bounds_is_told_the_bounds(bounds: Bounds, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        number(int, bounds)(text)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "many"])
def test_a_fraction_must_be_finite(text: str) -> None:
    with pytest.raises(ValueError, match="give a number above 0"):
        number(float, Bounds(above=0))(text)


def test_the_bounds_themselves_are_in() -> None:
    assert [number(int, PORT)(text) for text in ("0", "65535")] == [0, 65535]
    assert number(float, Bounds(above=0))("0.001") == 0.001


@pytest.mark.parametrize(
    "text", ["http://c", "http://127.0.0.1:21001", "https://host:1/base/", "http://[::1]:8000"]
)
def test_the_address_of_a_server_is_taken_as_it_is(text: str) -> None:
    assert http_url(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("nonsense", "localhost:21001", "", "http://", "ftp://host", "http://h:70000"),
        *("http://h:0", "http://h:x", "http://h/?a=b", "http://h o", "http://h/#a"),
    ],
)
def test_what_is_no_address_gets_an_example_of_one(text: str) -> None:
    with pytest.raises(ValueError, match="give one such as http://"):
        http_url(text)
