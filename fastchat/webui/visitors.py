"""Who asks: the language, the address, and whose history and votes these are."""

import hashlib
import re
from dataclasses import dataclass

import gradio as gr

from fastchat.webui.texts import Texts, Words

BROWSER = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Visitors:
    texts: Texts

    def words(self, request: gr.Request) -> Words:
        return self.texts.of(request.headers.get("accept-language", ""))

    def address(self, request: gr.Request) -> str:
        return request.client.host if request.client is not None else ""

    def owner(self, request: gr.Request, browser: object) -> str | None:
        """The login, or the 128 random bits that a browser made for itself; None without either.
        Only a digest is stored: who reads the database cannot become that browser."""
        if request.username:
            return _digest("login", request.username)
        if isinstance(browser, str) and BROWSER.fullmatch(browser):
            return _digest("browser", browser)
        return None

    def voter(self, request: gr.Request, browser: object, session: object) -> str:
        """A browser that keeps nothing is a new voter in each tab; its address stays the same."""
        return self.owner(request, browser) or _digest("tab", str(session)[:64])


def _digest(kind: str, name: str) -> str:
    return hashlib.sha256(f"{kind}:{name}".encode(errors="surrogatepass")).hexdigest()[:32]
