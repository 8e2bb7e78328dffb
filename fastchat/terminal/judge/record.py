"""What was judged: a file of JSON lines that is only ever added to."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from fastchat.arena.judging.verdicts import Verdict
from fastchat.core.errors import ConfigError

Mode = Literal["pair", "single"]
# Of every line that is written here.
BEGINNING = b'{"battle":'


class Judgment(msgspec.Struct, frozen=True, kw_only=True):
    """`said` are the judge's own words: straight and swapped of a pair, left and right of grades.
    `consistent`: both ways round it said the same. None: what it said was no verdict."""

    battle: str
    judge: str
    mode: Mode
    left: str
    right: str
    verdict: Verdict | None = None
    consistent: bool | None = None
    grades: tuple[float | None, float | None] | None = None
    said: tuple[str, str]
    prompt_tokens: int
    completion_tokens: int

    @property
    def is_readable(self) -> bool:
        if self.mode == "pair":
            return self.verdict is not None
        return self.grades is not None and None not in self.grades


class Record:
    """Opened for one judge in one mode; other lines of the file are left alone."""

    def __init__(self, path: Path, judge: str, mode: str) -> None:
        """Raises `ConfigError`: what is there must be judgments, but for a last line cut short."""
        self.judgments: list[Judgment] = []
        self._path = path
        try:
            text = path.read_bytes() if path.exists() else b""
            whole, _, cut = text.rpartition(b"\n")
            known = list(self._read(whole))
            if cut:  # by a process that was killed
                if not cut.startswith(BEGINNING[: len(cut)]):
                    raise self._foreign(len(known) + 1)
                os.truncate(path, len(text) - len(cut))
            path.touch()
        except OSError as error:
            raise ConfigError(f"--output {path}: {error.strerror}") from None
        self.judgments += [one for one in known if one.judge == judge and one.mode == mode]

    def add(self, one: Judgment) -> None:
        """On the disk when this returns."""
        try:
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(one) + b"\n")
        except OSError as error:
            raise ConfigError(f"--output {self._path}: {error.strerror}") from None
        self.judgments.append(one)

    def _read(self, text: bytes) -> Iterator[Judgment]:
        for number, line in enumerate(text.splitlines(), 1):
            try:
                yield msgspec.json.decode(line, type=Judgment)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                raise self._foreign(number) from None

    def _foreign(self, number: int) -> ConfigError:
        return ConfigError(
            f"--output {self._path}: line {number} is no judgment. Name another file."
        )
