"""`fastchat chat` while its API server is killed and started again."""

import asyncio
from contextlib import ExitStack, aclosing

import aiohttp
import pytest

from fastchat.client import OpenAIEngine
from fastchat.core.generation import Chat, GenerationRequest, Message
from fastchat.engines.scripted import answer
from fastchat.terminal.chat.persisting import PersistingEngine
from tests.faults.rehearsal import TOKENS, ended, rehearsing, started
from tests.faults.test_gateways import is_ready
from tests.running import free_ports

pytestmark = pytest.mark.faults

ASK = GenerationRequest(
    id="r", model="m", prompt=Chat((Message(role="user", content="question"),)), max_tokens=TOKENS
)


async def test_an_answer_outlives_the_api_server() -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    async with (
        rehearsing(1, "--tokens-per-s", "25") as platform,
        aiohttp.ClientSession() as session,
    ):
        controller = f"http://127.0.0.1:{platform.controller_port}"
        server = ("openai-api-server", "--port", str(port), "--logdir", "")
        with ExitStack() as stack:
            first = stack.enter_context(ended(started(*server, "--controller", controller)))
            await is_ready(platform.client, f"{url}/ready")
            told: list[str] = []
            engine = PersistingEngine(
                OpenAIEngine(session, url, ["m"], resumes=True),
                told.append,
                asyncio.get_running_loop().time,
            )
            said = ""
            async with aclosing(engine.generate(ASK)) as chunks:
                async for chunk in chunks:
                    if not said:
                        first.kill()
                        first.wait()
                        stack.enter_context(ended(started(*server, "--controller", controller)))
                    said += chunk.text
                    usage = chunk.usage
        assert said == answer("user: question", TOKENS)
        assert usage.completion_tokens == TOKENS
        assert len(told) == 1
