import io
import os
from collections.abc import AsyncIterator, Callable

import pytest

from fastchat.terminal.styles import STYLES, Style, Terminal

END = " __END_OF_A_MESSAGE_47582648__\n"
# A style that is typed `typed`, and what it has written so far.
Typed = Callable[..., tuple[Style, io.StringIO]]


@pytest.fixture
def typed() -> Typed:
    def make(name: str, text: str, *, multiline: bool = False) -> tuple[Style, io.StringIO]:
        reading, writing = os.pipe()
        os.write(writing, text.encode())
        os.close(writing)
        out = io.StringIO()
        terminal = Terminal(stdin=reading, out=out, multiline=multiline)
        return STYLES.load(name)(terminal), out

    return make


async def pieces(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def test_programs_get_the_bytes_of_the_original(typed: Typed) -> None:
    style, out = typed("programmatic", f"Hello\nyou{END}")
    assert await style.ask("USER") == "Hello\nyou"
    await style.stream("ASSISTANT", pieces(" I am", " fine.", " \x1b[1m", "\n"))
    style.say("exit...")
    assert out.getvalue() == (
        "[!OP:USER]: Hello\nyou\n[!OP:ASSISTANT]: I am fine. \x1b[1m\nexit...\n"
    )


async def test_a_message_without_its_marker_is_none(typed: Typed) -> None:
    style, out = typed("programmatic", "Hello")
    with pytest.raises(EOFError):
        await style.ask("USER")
    assert out.getvalue() == ""


async def test_simple_lines_show_who_speaks(typed: Typed) -> None:
    style, out = typed("simple", "Hello\r\n")
    assert await style.ask("USER") == "Hello"
    await style.stream("ASSISTANT", pieces(" I am", " \x1b[31mfine.\n"))
    style.show("USER", "Bye")
    with pytest.raises(EOFError):
        await style.ask("USER")
    assert out.getvalue() == "USER: ASSISTANT: I am [31mfine.\nUSER: Bye\nUSER: \n"


async def test_several_lines_end_with_the_input(typed: Typed) -> None:
    style, out = typed("simple", " a \nb\n", multiline=True)
    assert await style.ask("USER") == "a\nb"
    assert out.getvalue() == "USER [ctrl-d/z on empty line to end]: "


async def test_rich_without_a_terminal_writes_plain_text(typed: Typed) -> None:
    style, out = typed("rich", "Hello\n")
    assert await style.ask("USER") == "Hello"
    await style.stream("ASSISTANT", pieces("# Title\n", "one\ntwo \x1b]0;x\x07\n"))
    style.show("USER", "**Bye**")
    style.say("exit... [bold]")
    text = out.getvalue()
    assert "\x1b" not in text
    lines = [line.strip() for line in text.splitlines()]
    assert [line for line in lines if line.strip("┏━┓┃┗┛ ")] == [
        *("USER:", "ASSISTANT:"),
        next(line for line in lines if "Title" in line),
        *("one", "two ]0;x", "USER:", "Bye", "exit... [bold]"),
    ]


@pytest.mark.parametrize("name", ["rich", "simple"])
async def test_errors_and_names_of_a_worker_cannot_steer_the_terminal(
    typed: Typed, name: str
) -> None:
    style, out = typed(name, "Hello\n")
    await style.ask("U\x1b]0;x\x07SER")
    await style.stream("ASSIS\x1b[2JTANT", pieces("one"))
    style.show("\x1bUSER", "two")
    style.say("error: \x1b]0;owned\x07\u202ebroke")
    assert "error: ]0;ownedbroke" in out.getvalue()
    assert not {"\x1b", "\x07", "\u202e"} & set(out.getvalue())


@pytest.mark.parametrize("name", STYLES.names())
async def test_after_a_broken_answer_a_line_begins(typed: Typed, name: str) -> None:
    async def breaking() -> AsyncIterator[str]:
        yield "half"
        raise RuntimeError

    style, out = typed(name, "")
    with pytest.raises(RuntimeError):
        await style.stream("ASSISTANT", breaking())
    assert "half" in out.getvalue()
    assert out.getvalue().endswith("\n")
