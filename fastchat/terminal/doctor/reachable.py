"""Whether the parts of a platform reach each other: the guide's chapter 5.1 as a program."""

import asyncio
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import aiohttp
import msgspec

from fastchat import __version__
from fastchat.client import ControllerClient
from fastchat.client.http import bounded
from fastchat.core.errors import ControllerFault
from fastchat.protocol.cluster import WorkerEntry
from fastchat.terminal.doctor.finding import DoctorConfig, Finding

HERE = "http://localhost:21001"
API_HERE = "http://localhost:8000"
_ANSWER_S = 5.0
_READY_BYTES = 1 << 20


class _Ready(msgspec.Struct):
    models: list[str]


def platform(config: DoctorConfig) -> Iterator[Finding]:
    """The controller, and each worker on its list, as seen from this machine."""
    yield from asyncio.run(_seen(config))


async def _seen(config: DoctorConfig) -> list[Finding]:
    url = config.controller_address or HERE
    async with aiohttp.ClientSession() as session:
        client = ControllerClient(session, url, token=config.cluster_token)
        try:
            workers = await client.workers()
        except ControllerFault as fault:
            if config.controller_address is None and fault.status is None:
                return [Finding("note", f"no controller at {HERE}", "--controller names another")]
            return [Finding("fault", str(fault), _remedy(fault.status, url))]
        found = [Finding("ok", f"the controller {url} knows {len(workers)} workers")]
        if not workers:
            remedy = f"fastchat model-worker --controller {url} starts one; its log says why not"
            return [*found, Finding("fault", "nobody serves a model", remedy)]
        found += await asyncio.gather(*(_worker(session, one) for one in workers))
        found += misleading(workers, url)
        served = {model for one in workers for model in one.model_names}
        return [*found, await _api(session, config.api_address, served)]


async def _worker(session: aiohttp.ClientSession, entry: WorkerEntry) -> Finding:
    """Who sees it from here; the controller saw it register, which says nothing of the way back."""
    path = "/ready" if entry.dialects else "/worker_get_status"
    method = "GET" if entry.dialects else "POST"
    limit = aiohttp.ClientTimeout(total=_ANSWER_S)
    models = ", ".join(entry.model_names)
    try:
        async with session.request(
            method, entry.address + path, timeout=limit, allow_redirects=False
        ) as answer:
            status = answer.status
    except (aiohttp.ClientError, TimeoutError) as error:
        return Finding(
            "fault",
            f"{entry.address} ({models}) cannot be reached from here: {str(error) or 'no answer'}",
            "start it with --host 0.0.0.0 and a --worker address that others can use, and let its "
            "port through the firewall",
        )
    if status != 200:
        return Finding("fault", f"{entry.address} ({models}) answers {status}", "see its log")
    old = "" if entry.dialects else ", on the wire of 0.2.36"
    queue = f"queue {entry.queue_length:g}"
    return Finding("ok", f"{entry.address} answers: {models}, {queue}{old}")


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def misleading(workers: Sequence[WorkerEntry], controller: str) -> Iterator[Finding]:
    """Whoever asks from another machine finds somebody else at such an address, or nobody."""
    if _is_loopback(controller):
        return
    for one in filter(lambda entry: _is_loopback(entry.address), workers):
        yield Finding(
            "fault",
            f"{one.address} is another machine to everybody, and the controller is {controller}",
            "start the worker with --host 0.0.0.0 --worker-address http://ITS-NAME:PORT",
        )


async def _api(session: aiohttp.ClientSession, named: str | None, served: set[str]) -> Finding:
    """It follows the controller by itself: whether it knows the same models shows that it can."""
    url = named or API_HERE
    limit = aiohttp.ClientTimeout(total=_ANSWER_S)
    try:
        async with session.get(f"{url}/ready", timeout=limit, allow_redirects=False) as answer:
            told = msgspec.json.decode(await bounded(answer, _READY_BYTES), type=_Ready)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        if named is None:
            return Finding("note", f"no API server at {url}", "--api names another")
        reason = str(error) or "no answer"
        remedy = "start it (fastchat openai-api-server), or name the right one with --api"
        return Finding("fault", f"the API server {url} does not answer: {reason}", remedy)
    if missing := sorted(served - set(told.models)):
        return Finding(
            "fault",
            f"the API server {url} does not know {', '.join(missing)}",
            "start it with --controller-address of this controller, and the same "
            "FASTCHAT_CLUSTER_TOKEN; its log says what it cannot reach",
        )
    return Finding("ok", f"the API server {url} knows all models of the controller")


def _remedy(status: int | None, url: str) -> str:
    if status in (401, 403):
        return "set FASTCHAT_CLUSTER_TOKEN to the token of the platform"
    if status == 404:
        return f"{url} is a controller of 0.2.36, or none: version {__version__} tells more"
    return "start it (fastchat controller), or name the right one with --controller"
