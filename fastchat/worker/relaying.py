"""Requests that the engine itself answers, over HTTP: the client's bytes to it, its bytes back.

What all requests share; one request is `relayed`.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from starlette.types import Receive, Scope, Send

from fastchat.core.errors import BodyTooLarge, InvalidKey, InvalidRequest
from fastchat.core.tracing import Tracing
from fastchat.core.upstream import Relayable
from fastchat.protocol.openai.media import may_name_media, remote_anywhere, remote_media
from fastchat.relay import Relay
from fastchat.relay.asgi import answer
from fastchat.relay.work import Client, Head
from fastchat.worker.reading import Reading
from fastchat.worker.relayed import COMPLETIONS, Relayed
from fastchat.worker.shell import Shell

# If they name media, they do in messages.
_CHATS = (*COMPLETIONS, "/tokenize")


@dataclass(frozen=True, kw_only=True, slots=True)
class Relaying:
    """`token` is what callers must show; None: they need not. `fetches_media`: the engine may, from
    wherever a request says."""

    shell: Shell
    engine: Relayable
    relay: Relay
    token: str | None = field(repr=False)
    max_body_bytes: int
    new_id: Callable[[], str]
    wall_clock: Callable[[], float]
    tracing: Tracing | None = None
    fetches_media: bool = False

    def endpoints(self) -> dict[str, "Endpoint"]:
        """By path. A named template renders chats here, so those are not relayed."""
        rendered = {"/v1/chat/completions"} if self.shell.template is not None else set()
        paths = self.engine.relayed_paths - rendered
        return {path: Endpoint(self, path, self.max_body_bytes) for path in sorted(paths)}

    def check_media(self, path: str, body: bytes) -> None:
        """Raises the `InvalidRequest` for what the engine would have to fetch. A chat's tools may
        well speak of URLs: of a chat only the messages are looked at."""
        if self.fetches_media:
            return
        is_chat = path in _CHATS
        if is_chat and not may_name_media(body):
            return
        if urls := remote_media(body) if is_chat else remote_anywhere(body):
            raise InvalidRequest(
                f"{urls[0][:200]!r} is not fetched by this engine: send a data URL, or ask "
                "an API server that may fetch it (--image-hosts); --engine-fetches-media lets the "
                "engine do it from everywhere.",
                param="messages" if is_chat else None,
            )

    def admit(self, reading: Reading) -> None:
        """Raises the `PlatformError` that refuses the request."""
        if reading.declared_bytes > self.max_body_bytes:
            raise BodyTooLarge(self.max_body_bytes)
        if self.token is not None:
            wanted = f"Bearer {self.token}".encode()
            if not hmac.compare_digest(reading.authorization, wanted):
                raise InvalidKey("The cluster token is missing or wrong (FASTCHAT_CLUSTER_TOKEN).")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of the engine: below ASGI and as an application of it, where requests are `measured`
    already."""

    relaying: Relaying
    path: str
    limit_bytes: int
    measured: bool = False

    def open(self, head: Head, client: Client) -> Relayed:
        return Relayed(self, head, client)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(replace(self, measured=True), scope, receive, send)
