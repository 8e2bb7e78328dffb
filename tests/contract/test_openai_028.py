"""The guide's pre-1.0 client, in an environment of its own."""

import os
import subprocess
from pathlib import Path

from tests.running import MODEL, ROOT, RunningPlatform

CLIENT = Path(__file__).with_name("guide_client.py")


def test_the_guides_examples_work(platform: RunningPlatform) -> None:
    default = ROOT / ".venv-openai028" / "bin" / "python"
    python = os.environ.get("OPENAI028_PYTHON", str(default))
    done = subprocess.run(
        [python, str(CLIENT), f"{platform.api}/v1", MODEL],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout
