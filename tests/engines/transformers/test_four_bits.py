"""What GPTQ and AWQ stored answers as the same weights do when they are stored plainly."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fastchat.core.generation import collect
from fastchat.engines.transformers import Options, create
from tests.engines.requests import ask

if TYPE_CHECKING:
    from tests.engines.transformers.four_bits import Method

# The first call of a kernel compiles it.
pytestmark = [pytest.mark.gptq, pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    ("method", "flags"),
    [
        ("gptq", {}),
        ("gptq", {"gptq": ("wbits=4", "groupsize=64")}),
        ("awq", {}),
        ("awq", {"awq_wbits": 4, "awq_groupsize": 64}),
    ],
)
async def test_a_checkpoint_of_four_bits_says_what_its_weights_say(
    hf_smollm2_path: Path, tmp_path: Path, method: "Method", flags: dict[str, Any]
) -> None:
    from tests.engines.transformers.four_bits import make_checkpoint  # needs PyTorch

    plain = make_checkpoint(hf_smollm2_path, tmp_path / "plain", None)
    stored = make_checkpoint(hf_smollm2_path, tmp_path / method, method)
    assert _size(stored) < _size(plain) / 2
    assert await _said(stored, **flags) == await _said(plain)


async def _said(model: Path, **changes: Any) -> str:
    given: dict[str, Any] = {"names": ("m",), "threads": 1, "context_length": 256, "device": "cpu"}
    engine = create(Options(model=model, **given, **changes))
    try:
        return (await collect(engine.generate(ask(max_tokens=12)))).text
    finally:
        await engine.aclose()


def _size(checkpoint: Path) -> int:
    return (checkpoint / "model.safetensors").stat().st_size
