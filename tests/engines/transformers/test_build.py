"""Pure: how the batch is laid out for what was loaded."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from fastchat.core.errors import ConfigError
from fastchat.engines.transformers.adapters import Adapters
from fastchat.engines.transformers.build import _graphs
from fastchat.engines.transformers.loading import Loaded
from fastchat.engines.transformers.options import Options

BARE = cast(Adapters, SimpleNamespace(is_enabled=False))
ADAPTED = cast(Adapters, SimpleNamespace(is_enabled=True))


def _loaded(device: str, **model: Any) -> Loaded:
    fake = SimpleNamespace(device=SimpleNamespace(type=device), **model)
    return Loaded(model=fake, tokenizer=None, trained_length=1, seconds=0.0)


def _options(wanted: str | None) -> Options:
    return Options(model="m", names=("m",), cuda_graphs=wanted)


@pytest.mark.parametrize(
    ("wanted", "device", "has"),
    [(None, "cuda", True), ("on", "cuda", True), ("off", "cuda", False), (None, "cpu", False)],
)
def test_graphs_are_made_where_there_are_any(wanted: str | None, device: str, has: bool) -> None:
    assert _graphs(_options(wanted), _loaded(device), BARE) is has


@pytest.mark.parametrize(
    ("loaded", "adapters", "reason"),
    [
        (_loaded("cpu"), BARE, "there are none on cpu"),
        (_loaded("cuda", is_loaded_in_8bit=True), BARE, "products in 8 bits"),
        (_loaded("cuda"), ADAPTED, "adapters"),
    ],
)
def test_where_graphs_cannot_be_they_are_off_and_refused_when_asked_for(
    loaded: Loaded, adapters: Adapters, reason: str
) -> None:
    assert _graphs(_options(None), loaded, adapters) is False
    with pytest.raises(ConfigError, match=f"--cuda-graphs on: .*{reason}"):
        _graphs(_options("on"), loaded, adapters)
