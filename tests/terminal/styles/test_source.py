import asyncio
import os
from collections.abc import Iterator

import pytest

from fastchat.terminal.styles.source import Source


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue  # a test has closed it


async def test_text_comes_up_to_its_end(pipe: tuple[int, int]) -> None:
    source = Source(pipe[0])
    os.write(pipe[1], b"one\ntwo\nthr")
    assert [await source.through("\n"), await source.through("\n")] == ["one\n", "two\n"]
    os.write(pipe[1], b"ee\n")
    assert await source.through("\n") == "three\n"


async def test_an_end_may_come_in_pieces_and_so_may_a_character(pipe: tuple[int, int]) -> None:
    source = Source(pipe[0])
    reading = asyncio.create_task(source.through("END"))
    for piece in ("é".encode()[:1], "é".encode()[1:], b" E", b"N", b"D rest"):
        os.write(pipe[1], piece)
        await asyncio.sleep(0)
    assert await reading == "é END"


async def test_an_input_that_was_closed_is_at_its_end(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with pytest.raises(EOFError):
        await Source(pipe[0]).through("\n")


async def test_what_is_left_at_the_end_is_given_before_the_end_is_told(
    pipe: tuple[int, int],
) -> None:
    source = Source(pipe[0])
    os.write(pipe[1], b"rest\xff")
    os.close(pipe[1])
    assert await source.through("\n") == "rest\N{REPLACEMENT CHARACTER}"
    with pytest.raises(EOFError):
        await source.through("\n")
