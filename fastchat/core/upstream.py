"""Where bytes can be sent: a value that engines and tables hand to the relay."""

from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable
from urllib.parse import urlsplit

from fastchat.core.errors import PlatformError

Dialect = Literal["openai"]


@dataclass(frozen=True, slots=True)
class Upstream:
    """An HTTP/1.1 server. `headers` are added to each request; `prefix` goes before each path."""

    host: str
    port: int
    tls: bool = False
    prefix: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)  # with a token

    @classmethod
    def from_url(cls, url: str) -> "Upstream":
        """Raises ValueError for anything but an absolute http or https URL."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"not an http address: {url!r}")
        tls = parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        return cls(parts.hostname, port, tls, parts.path.rstrip("/"))


@dataclass(frozen=True, slots=True)
class Destination:
    """Where requests for a model go, and what the model is called there."""

    upstream: Upstream
    model: str


@runtime_checkable
class Relayable(Protocol):
    """The ability of an engine that already speaks a dialect over HTTP."""

    @property
    def relayed_paths(self) -> frozenset[str]:
        """What is posted there is answered there."""
        ...

    def destination(self, dialect: Dialect, model: str) -> Destination | None:
        """None while nothing would be answered."""
        ...

    async def lost(self, model: str) -> PlatformError:
        """Why an answer broke off, or did not come, as soon as that can be told."""
        ...
