"""The guide's pre-1.0 client, in an environment of its own."""

import asyncio
import os
import subprocess
from pathlib import Path

from tests.running import API, MODEL, ROOT, RunningPlatform, post
from tests.servers import until

CLIENT = Path(__file__).with_name("guide_client.py")


async def test_the_guides_examples_work(platform: RunningPlatform) -> None:
    # A controller that has just started may not have heard of all models yet: that is 503.
    unknown = b'{"model": "nobody", "messages": [{"role": "user", "content": "x"}]}'
    await until(lambda: b" 404 " in post(platform.ports[API], unknown).partition(b"\r\n")[0])
    default = ROOT / ".venv-openai028" / "bin" / "python"
    python = os.environ.get("OPENAI028_PYTHON", str(default))
    done = await asyncio.to_thread(
        subprocess.run,
        [python, str(CLIENT), f"{platform.api}/v1", MODEL],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout
