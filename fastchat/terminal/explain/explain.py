"""`fastchat explain ID`."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from fastchat.core.config import flag
from fastchat.core.errors import ConfigError
from fastchat.terminal.explain.course import Course, ends
from fastchat.terminal.explain.lines import Line, files, lines_of
from fastchat.terminal.explain.remedies import REMEDIES
from fastchat.terminal.explain.telling import also, told, unknown
from fastchat.terminal.say import say


@dataclass(frozen=True, kw_only=True)
class ExplainConfig:
    """Say what became of a request: its key, model and workers, where its time went, its error.

    The id is the `x-request-id` of every answer. All is read from the logs of this machine, text or
    JSON, also of processes that are gone: of those in --logdir, or of the platforms that
    `fastchat up` runs, its usual folder, and the current one. The API server writes the line that
    matters with --log-requests, as `fastchat up` starts it.

    Examples:

        fastchat explain 07fbda0b3acf4c518ffe000000000008
        fastchat explain --logdir /var/log/fastchat --json my-id-17
    """

    id: str = flag(help="the request's id", positional=True, metavar="ID")
    logdir: Path | None = flag(None, help="folder of the logs", env="LOGDIR", metavar="FOLDER")
    json: bool = flag(False, help="one object, for programs")


def explain(
    config: ExplainConfig, usual: Callable[[], Sequence[Path]], out: Callable[[str], None] = say
) -> None:
    """`usual` are the folders without --logdir. Raises `ConfigError` when no log tells of it."""
    folders = usual() if config.logdir is None else [config.logdir]
    lines = lines_of(config.id, files(folders))
    found = list(ends(lines))
    if not lines:
        raise ConfigError(unknown(config.id, folders))
    ended = [line for line, _ in found]
    others = [line for line in lines if line not in ended]
    if config.json:
        out(_json([course for _, course in found], others))
        return
    for line, course in found:
        out("\n".join(told(line, course)))
    if not found:
        out(f"request {config.id}: it runs, or the API server logs no requests (--log-requests).")
    if others:
        out("\n".join(also(others)))


def _json(courses: Sequence[Course], others: Sequence[Line]) -> str:
    requests = [
        asdict(course)
        | {"parts_ms": dict(course.parts()), "remedy": REMEDIES.get(course.error_code or 0)}
        for course in courses
    ]
    lines = [{"when": o.when, "level": o.level, "message": o.message} for o in others]
    return msgspec.json.encode({"requests": requests, "lines": lines}).decode()
