import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from fastchat.core.errors import ConfigError
from fastchat.engines.llama_cpp import Options, create
from fastchat.engines.llama_cpp.loading import default_threads
from tests.engines.llama_cpp.test_gguf import write_gguf


def _options(model: Path, **changes: Any) -> Options:
    return Options(**{"model": model, "names": ("m",), "threads": 1, **changes})


def test_some_cores_are_left_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, threads in ((1, 1), (2, 1), (16, 8)):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, n=cores: set(range(n)))
        assert default_threads() == threads


@pytest.mark.parametrize("wrong", [{"slots": 0}, {"threads": 0}, {"context_length": -1}])
def test_a_number_that_makes_no_sense_is_refused(wrong: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} must be at least 1"):
        create(_options(tmp_path, **{"slots": 1, **wrong}))


def test_more_context_than_the_model_was_trained_for_is_refused(smollm2_path: Path) -> None:
    with pytest.raises(ConfigError, match="9000 tokens is more than the 8192"):
        create(_options(smollm2_path, context_length=9000))


def test_a_missing_library_names_its_extra(
    smollm2_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ConfigError, match=r"pip install 'fschat\[llama_cpp\]'"):
        create(_options(smollm2_path))


def test_a_gpu_that_is_not_there_is_an_error_when_asked_for(smollm2_path: Path) -> None:
    library = importlib.import_module("xllamacpp")
    if any("GPU" in device["type"].name for device in library.get_device_info()):
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match="device cuda was asked for"):
        create(_options(smollm2_path, device="cuda"))


def test_a_model_that_llama_cpp_cannot_load_says_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_gguf(tmp_path / "odd.gguf")
    with pytest.raises(ConfigError, match=r"could not load .*odd\.gguf"):
        create(_options(path, context_length=64))
    assert "unknown model architecture: 'odd'" in capfd.readouterr().err
