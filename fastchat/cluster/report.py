"""What the user sees in the terminal: plain lines, so that a file of them reads as well."""

import json
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol, TextIO

from fastchat.cluster.plan import ProcessSpec
from fastchat.cluster.status import SETTLED, Status

_LINE_EVERY_S = 5.0
_REDRAW_EVERY_S = 0.1


class Reporter(Protocol):
    """Whoever tells the user: lines, or the screen of a terminal."""

    def line(self, text: str) -> None: ...

    def download(self, model: str, done: int, total: int) -> None: ...


class Report:
    """Writes lines to `out`; one line is drawn over and over where `out` is a terminal."""

    def __init__(self, out: TextIO, *, clock: Callable[[], float]) -> None:
        self._out = out
        self._clock = clock
        self._every_s = _REDRAW_EVERY_S if out.isatty() else _LINE_EVERY_S
        self._due = 0.0
        self._unfinished = False
        self._complete: set[str] = set()

    def line(self, text: str) -> None:
        self._write(("\n" if self._unfinished else "") + text + "\n")
        self._unfinished = False

    def download(self, model: str, done: int, total: int) -> None:
        """So many bytes are here. Says it now and then, and the end once."""
        now, complete = self._clock(), 0 < total <= done
        if model in self._complete or (now < self._due and not complete):
            return
        self._due = now + self._every_s
        if complete:
            self._complete.add(model)
        text = f"Fetching {model}: {_megabytes(done, total)}"
        if self._out.isatty():
            self._unfinished = not complete
            self._write(f"\r\x1b[K{text}" + ("" if self._unfinished else "\n"))
        else:
            self.line(text)

    def _write(self, text: str) -> None:
        # The platform goes on when the terminal is closed or nobody reads any more.
        with suppress(OSError, ValueError):
            self._out.write(text)
            self._out.flush()


class Narrator:
    """Tells what becomes of the processes, and how to use the platform once all are ready."""

    def __init__(
        self,
        report: Reporter,
        specs: Sequence[ProcessSpec],
        *,
        welcome: str,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._report = report
        self._addresses = {spec.name: spec.address for spec in specs}
        self._unsettled = set(self._addresses)
        self._been_ready: set[str] = set()
        self._width = max(map(len, self._addresses))
        self._welcome = welcome
        self._now = now

    def __call__(self, status: Status) -> None:
        line = self._line(status)
        if line is not None:
            self._report.line(line)
        if status.state == "ready":
            self._been_ready.add(status.process)
        if status.state in SETTLED and status.process in self._unsettled:
            self._unsettled.discard(status.process)
            if not self._unsettled:
                self._report.line(self._welcome)

    def _line(self, status: Status) -> str | None:
        name = status.process
        match status.state:
            case "ready" if name not in self._been_ready:
                place = self._addresses[name]
                return f"  {name:<{self._width}}  ready at {place} after {status.took_s:.1f} s"
            case "ready":
                return self._stamped(f"{name} is ready again after {status.took_s:.1f} s")
            case "restarting":
                pause = f"{status.pause_s:g} s"
                return self._stamped(f"{name} {status.reason}; it is started again in {pause}")
            case "starting" if status.reason:
                return self._stamped(f"{name} {status.reason}")
            case _:
                return None

    def _stamped(self, text: str) -> str:
        return f"{self._now():%H:%M:%S} {text}"


def welcome(
    specs: Sequence[ProcessSpec], models: Sequence[str], logdir: Path, *, key: bool, end: str
) -> str:
    """Where everything is, a command to paste, and how to `end` it all. `key`: a request needs an
    API key."""
    addresses = {spec.role: spec.address for spec in specs}
    page = f"Page        {addresses['page']}\n" if "page" in addresses else ""
    return f"""
{page}API         {addresses["api"]}/v1
Controller  {addresses["controller"]}
Models      {", ".join(models)}
Logs        {logdir}

Try it:

{_curl(addresses["api"], models[0], key=key)}

{end}"""


def _curl(api: str, model: str, *, key: bool) -> str:
    question = {"role": "user", "content": "Which city is the capital of France?"}
    body = {"model": model, "messages": [question], "temperature": 0}
    words = [
        f"curl {api}/v1/chat/completions",
        "-H 'Content-Type: application/json'",
        *(["-H 'Authorization: Bearer YOUR-API-KEY'"] if key else []),
        f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}",
    ]
    return " \\\n  ".join(words)


def _megabytes(done: int, total: int) -> str:
    if total <= 0:
        return f"{done / 1e6:.1f} MB"
    return f"{done / 1e6:.1f} of {total / 1e6:.1f} MB ({100 * done // total} %)"
