"""A request's course in words."""

from collections.abc import Iterable, Iterator, Sequence

from fastchat.terminal.explain.course import Course
from fastchat.terminal.explain.lines import Line
from fastchat.terminal.explain.remedies import LEFT, OUTCOMES, REMEDIES

_WIDTH = 38


def told(line: Line, course: Course) -> Iterator[str]:
    yield f"request {course.id}: {course.path}, {_end(course)}"
    yield _field("ended", f"{line.when} ({line.source})")
    yield _field("key", course.key or "none")
    yield _field("model", course.model if course.model != "-" else "not read")
    yield _field("worker", _worker(course))
    for trouble in course.troubles:
        what = OUTCOMES.get(trouble.outcome, trouble.outcome)
        yield _field("before", f"{trouble.worker} {what} after {_ms(trouble.after_ms)}")
    if course.prompt_tokens is not None:
        yield _field("tokens", _tokens(course))
    if course.trace_id is not None:
        yield _field("trace", course.trace_id)
    yield _field("time", f"{_ms(course.total_ms)} in all")
    for name, took_ms in course.parts():
        yield f"    {name:<{_WIDTH}} {_ms(took_ms):>12}"
    if course.error_code is not None:
        remedy = REMEDIES.get(course.error_code, "the answer itself says more")
        yield _field("error", f"{course.error_code}: {remedy}")
    elif course.status == 499:
        yield _field("left", LEFT)


def also(lines: Sequence[Line]) -> Iterator[str]:
    """What else the logs say of it."""
    if lines:
        yield "what else the logs say:"
    for line in lines:
        yield f"  {line.when} {line.level:<7} {line.source}: {line.message}"


def unknown(id: str, folders: Iterable[object]) -> str:
    places = ", ".join(map(str, folders))
    return (
        f"no log in {places} tells of a request {id}: is --logdir right? Running requests are not "
        "told of yet, and the API server writes a line for each only with --log-requests (as "
        "`fastchat up` starts it)"
    )


def _end(course: Course) -> str:
    if course.status == 499:
        return "left by its client (499)"
    return f"{'answered' if course.status == 200 else 'failed'} ({course.status})"


def _worker(course: Course) -> str:
    if course.worker is None:
        return "none was asked"
    others = f", {course.tries} tries" if course.tries > 1 else ""
    moved = f", the stream moved {course.migrations} times" if course.migrations else ""
    return f"{course.worker}{others}{moved}"


def _tokens(course: Course) -> str:
    speed = course.tokens_per_s
    written = f"{course.prompt_tokens} of the prompt, {course.completion_tokens} of the answer"
    return written if speed is None else f"{written}: {speed:.1f} a second"


def _field(name: str, value: str) -> str:
    return f"  {name:<8}{value}"


def _ms(value: float) -> str:
    return f"{value:,.1f} ms" if value < 10_000 else f"{value / 1e3:,.1f} s"
