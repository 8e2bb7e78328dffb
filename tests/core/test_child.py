import pytest

from fastchat.core.child import ending


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (0, "ended with status 0"),
        (3, "ended with status 3"),
        (-9, "was killed by SIGKILL"),
        (-63, "was killed by signal 63"),
    ],
)
def test_an_end_is_told_in_words(code: int, sentence: str) -> None:
    assert ending(code) == sentence
