"""Row 13 of the fault table: clients that read nothing, through gateway and worker."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest

from fastchat.core.generation import Chunk, GenerationRequest, Usage
from fastchat.dispatch import Table
from fastchat.relay.protocol import Bounds
from tests.faults.conftest import Stack, request
from tests.scripted import ScriptedEngine
from tests.servers import connected, until

QUICK = Bounds(check_s=0.05, unread_s=0.3)
WORD = " " + "word" * 20


@dataclass
class EndlessEngine(ScriptedEngine):
    said: int = 0

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        self.running += 1
        try:
            while True:
                self.said += 1
                yield Chunk(text=WORD, usage=Usage(prompt_tokens=1, completion_tokens=self.said))
                await asyncio.sleep(0)
        finally:
            self.running -= 1


@pytest.fixture
def engine() -> EndlessEngine:
    return EndlessEngine()


@pytest.fixture
def bounds() -> Bounds:
    return QUICK


async def test_a_client_that_reads_nothing_frees_its_slot_and_holds_little(
    stack: Stack, engine: EndlessEngine, table: Table
) -> None:
    body = json.dumps({"model": "m", "messages": "hi", "stream": True}).encode()
    async with connected(stack.port, request(body), limit=1) as reader:
        await until(lambda: engine.running)
        await until(lambda: not engine.running)
        await until(lambda: table.choose("m").dispatched.queue_lens == (0.0,))
        await until(lambda: not stack.gateway.server_state.connections)
        read = len(await reader.read(1_000_000))
    assert engine.said * len(WORD) < 260_000 + read, "it was made for nobody"
