"""A request in Anthropic's dialect on its way: forwarded as one in OpenAI's, and its answer turned
back. Keys, limits, failover and accounts are those of every other request."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from fastchat.core.errors import InvalidRequest, PlatformError
from fastchat.gateway.forward import Endpoint
from fastchat.gateway.forwarding import Forwarding
from fastchat.gateway.frontends.anthropic import answer
from fastchat.gateway.frontends.anthropic.events import UNREADABLE, Events
from fastchat.relay.asgi import answer as answer_asgi
from fastchat.relay.work import Client, Head


@dataclass(frozen=True, kw_only=True, slots=True)
class Translated:
    """`inner` is asked with what `request` makes of a body; `whole` is made of a plain answer."""

    inner: Endpoint
    request: Callable[[bytes], bytes]
    whole: Callable[[bytes], bytes]

    @property
    def limit_bytes(self) -> int:
        return self.inner.limit_bytes

    def open(self, head: Head, client: Client) -> "TranslatedWork":
        answering = _Answering(client, self.whole)
        forwarding = self.inner.open(head, answering)
        answering.id = forwarding.id
        return TranslatedWork(forwarding, self.request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer_asgi(self, scope, receive, send)


@dataclass(frozen=True, slots=True)
class TranslatedWork:
    forwarding: Forwarding
    request: Callable[[bytes], bytes]

    def admit(self) -> bool:
        return self.forwarding.admit()

    def ask(self, body: bytes) -> None:
        try:
            translated = self.request(body)
        except PlatformError as error:
            self.forwarding.refuse(error)
        except RecursionError:  # by writing what could still be read
            self.forwarding.refuse(InvalidRequest("The body is nested too deeply."))
        else:
            self.forwarding.ask(translated)

    def refuse(self, error: PlatformError) -> None:
        self.forwarding.refuse(error)

    def pause(self) -> None:
        self.forwarding.pause()

    def resume(self) -> None:
        self.forwarding.resume()

    def leave(self) -> None:
        self.forwarding.leave()

    def cut(self) -> None:
        self.forwarding.cut()


class _Answering:
    """Between the forwarding and the client."""

    id = ""
    _events: Events | None = None

    def __init__(self, client: Client, whole: Callable[[bytes], bytes]) -> None:
        self._client = client
        self._whole = whole

    def whole(self, status: int, lines: bytes, body: bytes) -> None:
        if status == 200:
            try:
                body = self._whole(body)
            except (*UNREADABLE, IndexError):
                status, body = answer.error(500, b"", self.id)
        else:
            status, body = answer.error(status, body, self.id)
        self._client.whole(status, self._named(lines), body)

    def start(self, status: int, lines: bytes) -> None:
        self._events = Events(self.id)
        self._client.start(status, self._named(lines))

    def piece(self, data: bytes) -> None:
        assert self._events is not None
        if events := self._events.read(data):
            self._client.piece(events)

    def end(self) -> None:
        if self._events is not None and (rest := self._events.rest()):
            self._client.piece(rest)
        self._client.end()

    def _named(self, lines: bytes) -> bytes:
        return b"%brequest-id: %b\r\n" % (lines, self.id.encode())
