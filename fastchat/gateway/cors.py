"""Which web pages may read what this server answers, in a browser."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

logger = logging.getLogger("openai_api_server")

# Pages of the machine itself: developers' servers, and ours.
_NEARBY = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cors:
    """`origins` None: pages of every origin where keys are wanted, else those of this machine."""

    credentials: bool
    origins: tuple[str, ...] | None
    methods: tuple[str, ...]
    headers: tuple[str, ...]


class Pages(CORSMiddleware):
    """0.2.36 let every page read. Where no key is wanted, that is any page that a user of this
    machine has open: it could ask the models, and learn what they know."""

    def __init__(self, app: ASGIApp, *, cors: Cors, wants_keys: Callable[[], bool]) -> None:
        super().__init__(
            app,
            allow_origins=cors.origins or (),
            allow_credentials=cors.credentials,
            allow_methods=cors.methods,
            allow_headers=cors.headers,
        )
        self._by_keys = cors.origins is None
        self._wants_keys = wants_keys
        self._has_said = False

    def is_allowed_origin(self, origin: str) -> bool:
        if super().is_allowed_origin(origin):
            return True
        if self._by_keys and (self._wants_keys() or _NEARBY.fullmatch(origin) is not None):
            return True
        if not self._has_said:
            self._has_said = True
            logger.warning(
                "a page of %.200r may not read answers: --allowed-origins names those that may; "
                "without it all may where API keys are wanted, else those of this machine",
                origin,
            )
        return False
