"""Controllers and workers that do not behave."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from fastchat.client import ControllerClient, WorkerClient, WorkerFault
from fastchat.core.errors import ControllerFault
from fastchat.protocol.wire import GenerateParams
from tests.servers import RawServer, free_port, read_request

OK = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"
ASK = GenerateParams(prompt="hi")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def saying(answer: bytes) -> RawServer:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return RawServer(script)


async def test_nobody_there_is_one_kind_of_fault(session: aiohttp.ClientSession) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ControllerFault, match="cannot be reached"):
        await ControllerClient(session, nobody).models()
    with pytest.raises(WorkerFault, match=nobody):
        await WorkerClient(session, nobody).status()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"<html>", b'{"models": 3}', b"\xff"])
async def test_nonsense_is_a_fault_and_nothing_else(
    session: aiohttp.ClientSession, body: bytes
) -> None:
    async with saying(OK + body).listening() as port:
        with pytest.raises(ControllerFault):
            await ControllerClient(session, f"http://127.0.0.1:{port}").models()


async def test_the_load_of_a_worker_and_the_table_of_a_controller_are_read(
    session: aiohttp.ClientSession,
) -> None:
    load = b'{"running":1,"waiting":2,"slots":5,"completion_tokens":40,"tokens_per_s":7.5}'
    async with saying(OK + load).listening() as port:
        read = await WorkerClient(session, f"http://127.0.0.1:{port}").load()
    assert (read.running, read.waiting, read.tokens_per_s) == (1, 2, 7.5)
    table = b'{"workers":[{"address":"http://a:1","model_names":["m"]}]}'
    async with saying(OK + table).listening() as port:
        (entry,) = await ControllerClient(session, f"http://127.0.0.1:{port}").workers()
    assert (entry.address, entry.model_names) == ("http://a:1", ("m",))


async def test_a_refusal_carries_its_status(session: aiohttp.ClientSession) -> None:
    refusal = b"HTTP/1.1 409 Conflict\r\ncontent-length: 2\r\n\r\n{}"
    async with saying(refusal).listening() as port:
        with pytest.raises(ControllerFault) as caught:
            await ControllerClient(session, f"http://127.0.0.1:{port}").models()
    assert caught.value.status == 409


@pytest.mark.parametrize("body", [b"garbage\n", b'{"put": 3}\n', b"\n", b'{"snapshot": tr'])
async def test_a_table_of_garbage_is_a_fault_or_an_end(
    session: aiohttp.ClientSession, body: bytes
) -> None:
    async with saying(OK + body).listening() as port:
        watching = ControllerClient(session, f"http://127.0.0.1:{port}").watch()
        with pytest.raises((ControllerFault, StopAsyncIteration)):
            await anext(watching)
        await watching.aclose()


async def test_a_message_without_an_end_is_not_collected_for_ever(
    session: aiohttp.ClientSession,
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        for _ in range(1000):
            writer.write(b"x" * 100_000)
            await writer.drain()

    async with RawServer(script).listening() as port:
        worker = WorkerClient(session, f"http://127.0.0.1:{port}")
        with pytest.raises(WorkerFault, match="more than 16777216 bytes"):
            async for _ in worker.generate(ASK):
                pass


async def test_messages_may_come_in_pieces(session: aiohttp.ClientSession) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        for byte in b'{"text": "a"}\0{"text": "ab", "finish_reason": "stop"}\0':
            writer.write(bytes([byte]))
            await asyncio.sleep(0)

    async with RawServer(script).listening() as port:
        worker = WorkerClient(session, f"http://127.0.0.1:{port}")
        said = [message.text async for message in worker.generate(ASK)]
    assert said == ["a", "ab"]
