"""Rows 1 and 2 with a real model: what goes on elsewhere is valid, whole and counted once."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.faults.rehearsal import CHAT, Rehearsal, rehearsing
from tests.servers import until

pytestmark = pytest.mark.faults

TOKENS = 120


async def told(platform: Rehearsal, number: int, heard: dict[int, int]) -> None:
    """Ask for a story of so many tokens, and check all but its words."""
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": f"Tell me the long story of {number} kings."}],
        "stream": True,
        "max_tokens": TOKENS,
        "temperature": 0,
        "stream_options": {"include_usage": True},
    }
    events: list[str] = []
    async with platform.client.stream("POST", CHAT, json=body) as streamed:
        assert streamed.status_code == 200
        async for line in streamed.aiter_lines():
            if line.startswith("data: "):
                events.append(line.removeprefix("data: "))
                heard[number] = len(events)
    *said, last, usage = [json.loads(event) for event in events[:-1]]
    assert events[-1] == "[DONE]"
    assert last["choices"][0]["finish_reason"] in ("length", "stop")
    assert sum("role" in event["choices"][0]["delta"] for event in said) == 1
    assert usage["usage"]["prompt_tokens"] < 60
    # The worker that goes on counts the words of the other by itself: a few may fall otherwise.
    if last["choices"][0]["finish_reason"] == "length":
        assert TOKENS - 3 <= usage["usage"]["completion_tokens"] <= TOKENS + 3


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_real_answer_goes_on_at_another_worker(
    blow: signal.Signals, smollm2_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command = ["model-worker", "--model-path", str(smollm2_path), "--threads", "1"]
    async with rehearsing(2, command=command) as platform:
        heard: dict[int, int] = {}
        readers = [asyncio.create_task(told(platform, number, heard)) for number in range(2, 5)]
        await until(lambda: len(heard) == 3 and min(heard.values()) > 5, timeout_s=60)
        platform.workers[platform.busiest()].send_signal(blow)
        async with asyncio.timeout(90):
            await asyncio.gather(*readers)
    assert ": lost" in caplog.text, "its answers were in the middle"
