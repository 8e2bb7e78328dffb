import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fastchat.core.errors import EngineFailed, InvalidRequest, Unsupported
from fastchat.core.generation import collect
from fastchat.engines.llama_cpp.engine import LlamaCppEngine, Model
from fastchat.engines.llama_cpp.server import Server
from fastchat.engines.llama_cpp.side_door import SideDoor
from tests.engines.requests import ask, chat
from tests.servers import RawServer, free_port, read_request


@asynccontextmanager
async def _says(answer: bytes) -> AsyncIterator[SideDoor]:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_request(reader)
        assert b"\r\nAuthorization: Bearer key\r\n" in head
        writer.write(answer)
        await writer.drain()

    async with RawServer(script).listening() as port:
        yield SideDoor(f"http://127.0.0.1:{port}", "key")


def _error(status: str, message: str) -> bytes:
    body = json.dumps({"error": {"message": message}}).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def test_a_template_that_refuses_is_quoted() -> None:
    async with _says(_error("400 Bad Request", "the source\nError: too many turns")) as door:
        with pytest.raises(InvalidRequest, match=r"refuses these messages: Error: too many") as no:
            await door.render(chat("Hello."))
    assert no.value.param == "messages"


@pytest.mark.parametrize("answer", [_error("500 Oh", "broken"), b"", b"HTTP/1.1 200 OK\r\n\r\n{"])
async def test_a_server_that_fails_is_not_the_callers_fault(answer: bytes) -> None:
    async with _says(answer) as door:
        with pytest.raises(EngineFailed):
            await door.tokenize("text")


async def test_a_server_that_is_gone_is_not_the_callers_fault() -> None:
    with pytest.raises(EngineFailed, match="does not answer on /detokenize"):
        await SideDoor(f"http://127.0.0.1:{free_port()}", "key").detokenize([1])


async def test_a_model_without_a_template_does_not_chat(llama: LlamaCppEngine) -> None:
    """llama.cpp would take a foreign template."""
    model = Model(
        names=("m",),
        context_length=8,
        vocabulary_size=8,
        chat_template=None,
        default_seed=None,
    )
    server: Server | None = llama._server
    assert server is not None
    engine = LlamaCppEngine(server, llama._side_door, model, slots=1)
    assert "chat" not in engine.features
    with pytest.raises(Unsupported):
        await engine.render(chat("Hello."))
    with pytest.raises(Unsupported):
        await collect(engine.generate(ask(chat("Hello."))))
