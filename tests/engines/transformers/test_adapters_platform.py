"""Adapters through the whole platform: asked for at the API server under their names, added and
removed at a worker while a stream runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engines.served.workers import wait_until
from tests.engines.transformers.lora import PROMPT, make_adapter
from tests.exposition import Told
from tests.running import RunningPlatform, ask, running_platform

pytestmark = [pytest.mark.transformers, pytest.mark.filterwarnings("ignore")]

SETTINGS = """
path = "{model}"
names = ["base"]
engine = "transformers"
concurrency = 8
arguments = [
  "--dtype", "float32", "--device", "cpu", "--context-length", "2048",
  "--lora-modules", "one={one}",
]
"""


@dataclass(frozen=True)
class Adapted:
    """`said` is what the model says under each name, by peft's own account for the adapters."""

    platform: RunningPlatform
    folders: dict[str, Path]
    said: dict[str, str]


@pytest.fixture(scope="module")
def adapted(hf_smollm2_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapted]:
    folder = tmp_path_factory.mktemp("adapted")
    made = {
        name: make_adapter(hf_smollm2_path, folder / name, seed)
        for name, seed in (("one", 5), ("two", 6))
    }
    settings = SETTINGS.format(model=hf_smollm2_path, one=folder / "one")
    with running_platform(folder, settings) as platform:
        yield Adapted(
            platform,
            folders={name: path for name, (path, _) in made.items()},
            said={name: text for name, (_, text) in made.items()},
        )


def complete(adapted: Adapted, model: str, **changes: Any) -> tuple[int, Any]:
    body = {"model": model, "prompt": PROMPT, "max_tokens": 8, "temperature": 0} | changes
    return ask(f"{adapted.platform.api}/v1/completions", body)


@contextmanager
def streaming(adapted: Adapted, model: str) -> Iterator[list[str]]:
    """The lines of a stream that is longer than any test, as they come."""
    body = {"model": model, "prompt": PROMPT, "max_tokens": 1900, "stream": True}
    body |= {"temperature": 0, "logit_bias": {"0": -100, "2": -100}}  # it never ends by itself
    lines, leaves = list[str](), threading.Event()

    def read() -> None:
        url = f"{adapted.platform.api}/v1/completions"
        with httpx.stream("POST", url, json=body, trust_env=False, timeout=120) as stream:
            for line in stream.iter_lines():
                lines.append(line)
                if leaves.is_set():
                    return

    reading = threading.Thread(target=read)
    reading.start()
    try:
        wait_until(lambda: len(lines) > 2)
        yield lines
    finally:
        leaves.set()
        reading.join()


def models(adapted: Adapted) -> set[str]:
    return {card["id"] for card in ask(f"{adapted.platform.api}/v1/models")[1]["data"]}


def change(adapted: Adapted, verb: str, **body: str) -> tuple[int, Any]:
    return ask(f"{adapted.platform.worker}/v1/{verb}_lora_adapter", body)


def test_an_adapter_is_a_model_of_the_platform(adapted: Adapted) -> None:
    assert models(adapted) == {"base", "one"}
    status, answer = complete(adapted, "one")
    assert (status, answer["model"]) == (200, "one")
    assert answer["choices"][0]["text"].strip() == adapted.said["one"].strip()
    assert complete(adapted, "base")[1]["choices"][0]["text"].strip() != adapted.said["one"].strip()
    url = f"{adapted.platform.api}/metrics"
    told = Told(httpx.get(url, trust_env=False).text)
    assert told.value("gateway_completion_tokens_total", model="one", key="") >= 8


def test_one_is_added_and_removed_while_a_stream_runs(adapted: Adapted) -> None:
    with streaming(adapted, "base") as lines:
        folder = str(adapted.folders["two"])
        assert change(adapted, "load", lora_name="two", lora_path=folder) == (
            200,
            {"models": ["base", "one", "two"]},
        )
        wait_until(lambda: "two" in models(adapted))
        status, answer = complete(adapted, "two")
        assert (status, answer["choices"][0]["text"].strip()) == (200, adapted.said["two"].strip())
        assert change(adapted, "unload", lora_name="two")[0] == 200
        wait_until(lambda: "two" not in models(adapted))
        assert complete(adapted, "two")[0] == 404
        count = len(lines)
        wait_until(lambda: len(lines) > count)  # the stream goes on
    assert not any('"error"' in line or "[DONE]" in line for line in lines)


def test_an_adapter_that_is_no_adapter_is_refused_and_nothing_changes(adapted: Adapted) -> None:
    status, answer = change(adapted, "load", lora_name="three", lora_path="/nowhere/at/all")
    assert status == 400
    assert "three" in answer["error"]["message"]
    assert models(adapted) == {"base", "one"}
