"""The guide's pre-1.0 client, in an environment of its own."""

import asyncio
import os
import subprocess
from pathlib import Path

from tests.running import MODEL, ROOT, RunningPlatform, is_sure_of_its_models
from tests.servers import until

CLIENT = Path(__file__).with_name("guide_client.py")


async def test_the_guides_examples_work(platform: RunningPlatform) -> None:
    await until(lambda: is_sure_of_its_models(platform.api))
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
    assert done.stdout.strip()  # which city a small model names hangs on what it was asked before
