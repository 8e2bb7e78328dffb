"""Faults of the connection, for the engine that can only ask for them.

The scripted engine puts a mark into its text; here the mark becomes what it stands for.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fastchat.engines.scripted import MARKS
from fastchat.protocol.codec import encode

_GARBAGE = b"\xff\xfe\x00 no event, no text \r\n\x00"


class _BrokenOff(Exception):
    """The connection is to end without a last word."""


class Rehearsal:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        # As they stand in JSON.
        self._cut, self._malformed = (
            encode(MARKS[name]).strip(b'"') for name in ("cut", "malformed")
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_faultily(message: Message) -> None:
            body = message.get("body", b"")
            if self._cut in body:
                raise _BrokenOff
            if self._malformed in body:
                message = {**message, "body": _GARBAGE[: len(body)].ljust(len(body), b"\0")}
            await send(message)

        try:
            await self._app(scope, receive, send_faultily)
        except _BrokenOff:
            return  # the server closes a connection whose answer is not whole
