"""Whether the parts of a platform reach each other: the guide's chapter 5.1 as a program."""

import asyncio
from collections.abc import Iterator

import aiohttp

from fastchat import __version__
from fastchat.client import ControllerClient
from fastchat.core.errors import ControllerFault
from fastchat.protocol.cluster import WorkerEntry
from fastchat.terminal.doctor.finding import DoctorConfig, Finding

HERE = "http://localhost:21001"
_ANSWER_S = 5.0


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
        return [*found, *await asyncio.gather(*(_worker(session, one) for one in workers))]


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
    return Finding("ok", f"{entry.address} answers: {models}, queue {entry.queue_length:g}")


def _remedy(status: int | None, url: str) -> str:
    if status in (401, 403):
        return "set FASTCHAT_CLUSTER_TOKEN to the token of the platform"
    if status == 404:
        return f"{url} is a controller of 0.2.36, or none: version {__version__} tells more"
    return "start it (fastchat controller), or name the right one with --controller"
