"""The pictures that a request names by URL are fetched before anybody is asked."""

import asyncio
import logging
from typing import TYPE_CHECKING

from fastchat.core.errors import PlatformError
from fastchat.gateway.remote import PROVIDER
from fastchat.protocol.openai.media import embedded, remote_media

if TYPE_CHECKING:
    from fastchat.gateway.forwarding import Forwarding

logger = logging.getLogger("openai_api_server")


def fetching(request: "Forwarding") -> asyncio.Task[None] | None:
    """What asks a worker when all are here; None when there are none after all. Raises
    `InvalidRequest`."""
    if _is_provided(request):
        return None
    urls = remote_media(request.body_asked)
    return asyncio.create_task(_fetch(request, urls)) if urls else None


def _is_provided(request: "Forwarding") -> bool:
    """A provider fetches by itself, in its own network."""
    workers = request.forwarder.table.workers(request.model)
    return all(one.dialects == PROVIDER for one in workers)


async def _fetch(request: "Forwarding", urls: list[str]) -> None:
    forwarder, body = request.forwarder, request.body_asked
    try:
        room = forwarder.gate.max_body_bytes - len(body)
        found = await forwarder.pictures.fetched(urls, room)
        request.body_asked = embedded(body, found)
        request.try_next()
    except PlatformError as error:
        request.refuse(error)
    except Exception:  # whoever asked must hear of it, whatever it is
        logger.exception("request %s: its pictures", request.id)
        request.refuse(PlatformError("Internal error; the server's log has the details."))
