"""What fits our OpenAPI description, and much that does not, is answered without an error 500."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conformance.conftest import MODEL, MODEL_PATH
from tests.conformance.matrix import environment
from tests.running import ask

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(bool(MODEL_PATH), reason="asked of the scripted engine, which is fast"),
]


@pytest.mark.timeout(240)
def test_schemathesis_finds_no_500(api: str, tmp_path: Path) -> None:
    document = ask(f"{api}/openapi.json")[1]
    for schema in document["components"]["schemas"].values():
        if "model" in schema.get("properties", {}):
            # Of names at random no worker would ever hear.
            schema["properties"]["model"] = {"const": MODEL}
    assert "/v1/chat/completions" in document["paths"]
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    program = environment("schemathesis") / "bin" / "schemathesis"
    command = [str(program), "run", str(file), "--url", api]
    flags = ["--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing"]
    bounds = ["--max-examples", "40", "--max-time", "100", "--generation-deterministic"]
    done = subprocess.run(
        [*command, *flags, *bounds, "--no-shrink", "--warnings", "off"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]
