"""`fastchat top` on a running platform, on half of one, and on none."""

import asyncio
import io
import json
import os
import re
import subprocess
import sys

import aiohttp
import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response

from fastchat.core.errors import ConfigError
from fastchat.terminal.top.reading import Reader, Reading
from fastchat.terminal.top.top import TopConfig, top
from tests.pseudo_terminal import PseudoTerminal
from tests.running import MODEL, ROOT, RunningPlatform
from tests.servers import free_port, serving

ENVIRON = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"}


def command(platform: RunningPlatform, *flags: str) -> list[str]:
    places = ("--controller", platform.controller, "--api", platform.api)
    return [sys.executable, "-m", "fastchat", "top", *places, *flags]


async def read(controller: str, api: str) -> Reading:
    async with aiohttp.ClientSession() as session:
        return await Reader(session=session, controller=controller, api=api, clock=lambda: 1)()


def api_server(status: int, text: str) -> FastAPI:
    app = FastAPI()

    @app.get("/metrics")
    async def metrics() -> Response:
        return PlainTextResponse(text, status_code=status)

    return app


def test_a_running_platform_is_one_object_for_programs(platform: RunningPlatform) -> None:
    done = subprocess.run(
        command(platform, "--once", "--json", "--interval", "0.2"),
        env=ENVIRON, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["faults"] == []
    assert MODEL in [row["model"] for row in told["models"]]
    assert {row["state"] for row in told["workers"]} == {"ready"}
    assert told["api"]["in_flight"] >= 0


def test_on_a_terminal_the_picture_stays_until_ctrl_c(platform: RunningPlatform) -> None:
    flags = ("--interval", "0.2")
    with PseudoTerminal(command(platform, *flags), cwd=ROOT, environ=ENVIRON) as terminal:
        terminal.until(re.escape(MODEL))
        terminal.until("Ctrl-C ends")
        terminal.press("\x03")
        assert terminal.wait() == 0


async def test_each_server_that_does_not_tell_is_named_with_what_helps() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    async with serving(api_server(401, "Who?")) as api:
        reading = await read(nobody, api)
    assert (reading.table, reading.samples) == (None, None)
    assert any("--controller names another" in fault for fault in reading.faults)
    assert any("answers 401: set FASTCHAT_API_KEY" in fault for fault in reading.faults)


@pytest.mark.parametrize("text", ["nonsense {", "\x00", "a b c d"])
async def test_nonsense_for_figures_is_a_fault_and_no_traceback(text: str) -> None:
    async with serving(api_server(200, text)) as api:
        reading = await read(f"http://127.0.0.1:{free_port()}", api)
    assert reading.samples is None
    assert any(fault.startswith("the figures of the API server") for fault in reading.faults)


async def test_where_nothing_answers_it_says_what_to_start() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    config = TopConfig(api=nobody, controller_address=nobody)
    with pytest.raises(ConfigError, match="`fastchat up` starts a platform"):
        await asyncio.wait_for(top(config, io.StringIO()), 60)
