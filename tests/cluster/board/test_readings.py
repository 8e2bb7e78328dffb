import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fastchat.cluster.board.readings import Reader
from fastchat.cluster.state import PlatformState
from fastchat.cluster.status import Status
from tests.cluster.board.platforms import SPECS, running
from tests.servers import RawServer, free_port, read_request, serving

LOAD = {"running": 1, "waiting": 0, "slots": 5, "completion_tokens": 7, "tokens_per_s": 3.5}
ENTRY = {"address": "http://10.0.0.9:1", "model_names": ["big"]}


@pytest.fixture
async def read() -> AsyncIterator[Reader]:
    async with aiohttp.ClientSession() as session:
        yield Reader(session=session, token="secret")


def at(state: PlatformState, *addresses: str) -> PlatformState:
    """The first processes at these addresses, the others where nobody is."""
    nobody = f"http://127.0.0.1:{free_port()}"
    every = [*addresses, *[nobody] * (len(state.processes) - len(addresses))]
    moved = [replace(p, address=a) for p, a in zip(state.processes, every, strict=True)]
    return replace(state, processes=tuple(moved))


async def load(request: Request) -> Response:
    assert request.headers["authorization"] == "Bearer secret"
    return JSONResponse(LOAD)


async def workers(request: Request) -> Response:
    return JSONResponse({"workers": [ENTRY]})


async def test_workers_and_the_controller_are_asked(read: Reader) -> None:
    app = Starlette(routes=[Route("/load", load), Route("/workers", workers)])
    async with serving(app) as url:
        readings = await read(at(running(), url, url))
    assert readings.loads[url].tokens_per_s == 3.5
    assert [entry.address for entry in readings.table] == ["http://10.0.0.9:1"]


async def test_who_is_not_there_is_left_out(read: Reader) -> None:
    readings = await read(at(running()))
    assert (readings.loads, readings.table) == ({}, ())


async def test_who_does_not_answer_holds_nobody_up(read: Reader) -> None:
    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with RawServer(hang).listening() as port:
        hung = f"http://127.0.0.1:{port}"
        readings = await read(at(running(), hung, hung, hung))
    assert (readings.loads, readings.table) == ({}, ())


async def test_only_ready_workers_are_asked(read: Reader) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)

    server = RawServer(refuse)
    starting = [Status(process=spec.name, state="starting") for spec in SPECS]
    async with server.listening() as port:
        nobody = f"http://127.0.0.1:{free_port()}"
        await read(at(running(*starting), nobody, f"http://127.0.0.1:{port}"))
    assert server.connections == 0


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells")
async def test_a_loading_worker_is_measured_by_its_memory(read: Reader) -> None:
    worker = SPECS[1].name
    state = at(running(Status(process=worker, state="starting", pid=os.getpid())))
    assert (await read(state)).loaded == {}
    weighed = [replace(p, weights_bytes=10**15) for p in state.processes]
    readings = await read(replace(state, processes=tuple(weighed)))
    assert 0 < readings.loaded[worker] < 0.01
