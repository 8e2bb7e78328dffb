import io
import re

from rich.text import Text

from fastchat.cluster.board.screen import Screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Gone(Terminal):
    def write(self, _: str) -> int:
        raise OSError(5, "Input/output error")


def shown(out: io.StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", out.getvalue())


def test_lines_stand_above_the_picture() -> None:
    out = Terminal()
    with Screen(out, lambda _: Text("PICTURE")) as screen:
        screen.line("first [not markup] " + "long " * 40)
        screen.refresh()
    lines = shown(out).splitlines()
    first = next(line for line in lines if line.startswith("first [not markup]"))
    assert first.count("long") == 40  # to be copied whole
    assert lines.index(first) < max(i for i, line in enumerate(lines) if "PICTURE" in line)


def test_a_download_is_a_bar_until_it_is_complete() -> None:
    out = Terminal()
    with Screen(out, lambda _: Text("PICTURE")) as screen:
        screen.download("small", 46_000_000, 92_000_000)
        screen.refresh()
        assert re.search(r"Fetching small [━╺╸]+ 46\.0/92\.0 MB", shown(out))
        out.truncate(0)
        screen.download("small", 92_000_000, 92_000_000)
        screen.refresh()
    assert "Fetching" not in shown(out)


def test_a_closed_terminal_stops_nothing() -> None:
    screen = Screen(Gone(), lambda _: Text("PICTURE"))
    screen.line("ready")
    screen.refresh()
