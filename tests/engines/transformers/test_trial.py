"""What a model cannot do is found when it is loaded, whatever its class says of itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from fastchat.core.errors import ConfigError, EngineFailed, PlatformError
from fastchat.engines.transformers import Options, create
from fastchat.engines.transformers.answer import Token
from fastchat.engines.transformers.build import _tried
from fastchat.engines.transformers.delivery import Sink
from fastchat.engines.transformers.manager import Batcher
from fastchat.engines.transformers.trial import try_batch


class FakeBatcher:
    """Says so many tokens, and then that it failed, if it does."""

    page = 32
    cache_tokens = 128

    def __init__(self, tokens: int, failure: PlatformError | None = None) -> None:
        self._tokens = tokens
        self._failure = failure
        self.is_closed = False
        self.sizes: list[int] = []

    def submit(self, sink: Sink, prompt: Sequence[int], most: int, ends: Sequence[int]) -> str:
        self.sizes.append(len(prompt) + most)
        for _ in range(min(self._tokens, most)):
            sink.put([Token(1)])
        if self._failure is not None:
            sink.fail(self._failure)
        return "id"

    def close(self) -> None:
        self.is_closed = True


def test_a_batch_that_answers_is_taken() -> None:
    batcher = FakeBatcher(3)
    assert _tried(cast(Batcher, batcher), 64) is cast(Batcher, batcher)
    assert not batcher.is_closed


@pytest.mark.parametrize("room", [5, 40, 4096])
def test_no_request_of_the_trial_is_longer_than_one_may_be(room: int) -> None:
    batcher = FakeBatcher(3)
    try_batch(cast(Batcher, batcher), room)
    assert max(batcher.sizes) <= min(room, batcher.cache_tokens)


@pytest.mark.parametrize("tokens", [0, 2])
def test_a_batch_whose_steps_fail_is_closed(tokens: int) -> None:
    batcher = FakeBatcher(tokens, EngineFailed("shapes differ"))
    with pytest.raises(EngineFailed, match="shapes differ"):
        _tried(cast(Batcher, batcher), 64)
    assert batcher.is_closed


@pytest.mark.transformers
@pytest.mark.filterwarnings("ignore")
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    import torch
    import transformers

    from tools.convert_smollm2 import tokenizer_folder

    sizes: dict[str, Any] = {"vocab_size": 49152, "hidden_size": 16, "intermediate_size": 16}
    heads: dict[str, Any] = {"num_attention_heads": 2, "num_key_value_heads": 1}
    config = transformers.LlamaConfig(num_hidden_layers=1, **sizes, **heads)
    model = transformers.LlamaForCausalLM(config)
    torch.nn.init.constant_(model.model.layers[0].mlp.up_proj.weight, float("nan"))
    model.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(tokenizer_folder()).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"no numbers \(NaN\) in"):
        create(Options(model=tmp_path, names=("m",), slots=1, device="cpu", dtype="float32"))
