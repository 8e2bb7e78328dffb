"""`fastchat chat` and `fastchat models` against a running platform, and against none."""

import os
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fastchat.core.config import read
from fastchat.core.errors import ConfigError
from fastchat.terminal.remote_chat import ApiFlags, chat, served_models
from fastchat.terminal.remote_chat import ChatConfig as Config
from tests.pseudo_terminal import CTRL_D, PseudoTerminal
from tests.running import MODEL, ROOT, RunningPlatform
from tests.servers import free_port, serving

ENVIRON = os.environ | {"PYTHONPATH": str(ROOT), "PROMPT_TOOLKIT_NO_CPR": "1"}


def command(name: str, *flags: str) -> list[str]:
    return [sys.executable, "-m", "fastchat", name, *flags]


def app(*models: str, key: str | None = None) -> FastAPI:
    served = FastAPI()

    @served.get("/v1/models")
    async def list_models(request: Request) -> Response:
        if key is not None and request.headers.get("authorization") != f"Bearer {key}":
            return JSONResponse({"error": {"message": "Who?", "code": 40102}}, status_code=401)
        return JSONResponse({"object": "list", "data": [{"id": name} for name in models]})

    return served


def config(*flags: str, **environ: str) -> Config:
    return read(Config, flags, environ=environ)


def test_a_chat_with_the_model_of_a_running_platform(
    platform: RunningPlatform, tmp_path: Path
) -> None:
    flags = ("--api", platform.api, "--temperature", "0", "--style", "simple")
    with PseudoTerminal(command("chat", *flags), cwd=tmp_path, environ=ENVIRON) as terminal:
        terminal.until("USER: $")
        terminal.press("Which city is the capital of France?\n")
        terminal.until(r"ASSISTANT: The capital of France is Paris\.\nUSER: $")
        terminal.press("Write a very long story about a sailor and his dog.\n")
        terminal.until(r"dog\.\nASSISTANT: \w+ \w+ ")
        terminal.press("\x03")
        terminal.until(r"stopped generation\.\nUSER: $")
        terminal.press(CTRL_D)
        assert terminal.wait() == 0


def test_the_models_of_a_running_platform_are_listed(platform: RunningPlatform) -> None:
    environ = ENVIRON | {"FASTCHAT_API": platform.api}
    done = subprocess.run(command("models"), env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Served at {platform.api}\n  {MODEL}\n\nBuilt in\n  {MODEL}  ")


@pytest.mark.parametrize("name", ["chat", "models"])
def test_where_nothing_answers_it_is_said_what_to_start(name: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = subprocess.run(command(name, "--api", url), env=ENVIRON, capture_output=True, text=True)
    assert f"nothing answers at {url}: start the platform with `fastchat up`" in (
        done.stdout + done.stderr
    )
    assert done.returncode == (2 if name == "chat" else 0)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("models", "wanted", "says"),
    [
        (["a", "b"], None, "serves several models: choose one with --model: a, b"),
        (["a", "b"], "c", "serves no model 'c': choose from a, b"),
        ([], None, "serves no model yet"),
    ],
)
async def test_a_model_that_is_not_clear_is_asked_for(
    models: list[str], wanted: str | None, says: str
) -> None:
    async with serving(app(*models)) as url:
        flags = ["--api", url, *(["--model", wanted] if wanted else [])]
        with pytest.raises(ConfigError, match=says):
            await chat(config(*flags))


async def test_the_key_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hush\n")
    async with serving(app("a", key="hush")) as url, aiohttp.ClientSession() as session:
        for flags in (
            config("--api-key-file", str(tmp_path / "key")),
            config(FASTCHAT_API_KEY="hush"),
        ):
            assert await served_models(session, url, flags.key()) == ["a"]
        with pytest.raises(ConfigError, match="wants an API key: set FASTCHAT_API_KEY"):
            await served_models(session, url, None)


@pytest.mark.parametrize(("content", "says"), [(None, "No such file"), (" \n", "is empty")])
def test_a_key_file_without_a_key_is_told(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content)
    with pytest.raises(ConfigError, match=says):
        ApiFlags(api_key_file=tmp_path / "key").key()


def test_a_key_on_the_command_line_is_warned_of() -> None:
    flags = ("--api", f"http://127.0.0.1:{free_port()}", "--api-key", "hush")
    done = subprocess.run(command("chat", *flags), env=ENVIRON, capture_output=True, text=True)
    assert "warning: --api-key: other users of this machine can read command lines" in done.stderr
    assert "hush" not in done.stdout + done.stderr
