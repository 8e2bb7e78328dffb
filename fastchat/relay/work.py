"""The seam between a client and what is done for it: below ASGI and in it alike.

An `Endpoint` opens `Work` for a request; the work answers the `Client`, in one of two ways:
`whole`, or `start`, pieces and `end`. Nothing here is awaited: a client that is slow says `pause`.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from fastchat.core.errors import PlatformError

Header = tuple[bytes, bytes]


class Head(dict[bytes, bytes]):
    """Headers of a request, names in lower case. `reading` is what an endpoint has read in them: of
    a client that says the same head again nothing is read twice."""

    __slots__ = ("reading",)

    def __init__(self, headers: Mapping[bytes, bytes] | Iterable[Header]) -> None:
        super().__init__(headers)
        self.reading: object = None


class Client(Protocol):
    """`lines` are those of a head, each with its end: they describe the answer. Its framing and the
    connection are the client's affair, but for a `CLOSE` among the lines of a refusal. The `end` of
    a stream leaves as soon as it can, with what came before it."""

    def whole(self, status: int, lines: bytes, body: bytes) -> None: ...

    def start(self, status: int, lines: bytes) -> None: ...

    def piece(self, data: bytes) -> None: ...

    def end(self) -> None: ...


class Work(Protocol):
    """One request. After its answer has ended nothing below does anything."""

    def admit(self) -> bool:
        """Judge the head. If it is refused, the client has been told."""
        ...

    def ask(self, body: bytes) -> None:
        """All of the request is here."""
        ...

    def refuse(self, error: PlatformError) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def leave(self) -> None:
        """The client is gone: nobody is to be answered."""
        ...

    def cut(self) -> None:
        """The server ends: say the last words now."""
        ...


@runtime_checkable
class Endpoint(Protocol):
    @property
    def limit_bytes(self) -> int: ...

    def open(self, head: Head, client: Client) -> Work:
        """The head is the request's own until its answer has ended: it may be that of the next."""
        ...
