"""The time that a client gives its request: the header `X-Request-Timeout`, in seconds. Between
processes it is what is left of it."""

from math import inf

from fastchat.core.errors import InvalidRequest

HEADER = "x-request-timeout"
LONGEST_S = 86400.0


def seconds(value: str) -> float:
    """Raises `InvalidRequest`."""
    try:
        given = float(value)
    except ValueError:
        given = inf
    if not 0 < given <= LONGEST_S:
        reason = f"{HEADER}: {value[:40]!r} is no number of seconds up to {LONGEST_S:g}"
        raise InvalidRequest(reason, param=HEADER)
    return given
