"""What stands before Gradio: only the paths that the page needs, and rules for the browser.

Gradio's server does far more than this page uses: uploads, files, proxies, editors. What is not on
the list does not exist.
"""

import re
import secrets
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OPEN = re.compile(
    r"/(?:|config/?|theme\.css|favicon\.ico|robots\.txt|manifest\.json|login/?|health|ready|metrics"
    r"|(?:assets|static|svelte)/[\w./@-]+"
    r"|gradio_api/(?:queue/(?:join|data)|heartbeat/\w+|run/predict|cancel|reset/?|app_id/?|user/?"
    r"|login_check/?|token/?|startup-events|theme\.css))"
)
_SCRIPT = re.compile(rb"<script\b")
_FOREIGN = re.compile(rb'\s*<meta\s+(?:property="og:|name="twitter:)[^>]*>')

# Whatever a model says, the browser asks nobody but this server, and runs no script that this
# server did not write. Gradio compiles its own event functions ('unsafe-eval') and sets styles.
_POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'"
)
_RULES = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "SAMEORIGIN",
}


@dataclass(frozen=True, slots=True)
class Guard:
    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        if _OPEN.fullmatch(path) is None or ".." in path:
            await PlainTextResponse("Not found", 404)(scope, receive, send)
        elif _is_foreign(Headers(scope=scope)):
            await PlainTextResponse("Another site's page may not use this one", 403)(
                scope, receive, send
            )
        else:
            page = _Page(send, secrets.token_urlsafe(16), whole=path in ("/", "/login"))
            await self.app(_uncompressed(scope) if page.whole else scope, receive, page)


class _Page:
    """Adds the rules to an answer, and to the page itself the mark of our own scripts."""

    def __init__(self, send: Send, nonce: str, *, whole: bool) -> None:
        self._send = send
        self._nonce = nonce
        self._start: Message | None = None
        self._body = b""
        self.whole = whole

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_RULES)
            headers["content-security-policy"] = _POLICY.format(nonce=self._nonce)
            self._start = message
            if not self.whole:
                await self._send(message)
        elif not self.whole:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_whole()

    async def _send_whole(self) -> None:
        assert self._start is not None
        body = _FOREIGN.sub(b"", self._body)
        body = _SCRIPT.sub(f'<script nonce="{self._nonce}"'.encode(), body)
        headers = MutableHeaders(scope=self._start)
        headers["content-length"] = str(len(body))
        headers["cache-control"] = "no-store"
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})


def _is_foreign(headers: Headers) -> bool:
    """A page of another origin asks. Browsers say so; what is no browser may ask."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        navigation = headers.get("sec-fetch-mode") == "navigate"
        return site in ("cross-site", "same-site") and not navigation
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")


def _uncompressed(scope: Scope) -> Scope:
    kept = [header for header in scope["headers"] if header[0] != b"accept-encoding"]
    return {**scope, "headers": kept}
