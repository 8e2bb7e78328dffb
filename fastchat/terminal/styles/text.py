"""What others say, fit for a terminal."""

_SHOWN = "\n\t"
# What makes a line read otherwise than it was written.
_REORDERING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROLS = {
    code: None
    for code in (*range(0x20), *range(0x7F, 0xA0), *_REORDERING)
    if chr(code) not in _SHOWN
}


def visible(text: str) -> str:
    """Without control characters: what a worker says must not move the cursor, set the clipboard
    or turn words around."""
    return text.translate(_CONTROLS)


class Stripped:
    """A text that comes in pieces, without the blanks around it."""

    def __init__(self) -> None:
        self._begun = False
        self._held = ""

    def push(self, piece: str) -> str:
        text = self._held + piece
        if not self._begun:
            text = text.lstrip()
        said = text.rstrip()
        self._begun = self._begun or bool(said)
        self._held = text[len(said) :]
        return said
