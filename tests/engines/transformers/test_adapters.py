"""LoRA adapters beside a model: each answers as if it were merged into it, in one batch with others
and with the model itself, and comes and goes while answers run."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fastchat.core.errors import ConfigError, Conflict, InvalidRequest, UnknownModel, Unsupported
from fastchat.core.generation import Adapts, Chunk, Engine, collect
from fastchat.engines.transformers import Options, create
from tests.engines.requests import ask
from tests.engines.transformers.lora import PROMPT, make_adapter
from tools.convert_smollm2 import tokenizer_folder

pytestmark = [pytest.mark.transformers, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with random weights."""
    import torch
    import transformers

    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=49152,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=96,
        max_position_embeddings=512,
        eos_token_id=2,
        bos_token_id=1,
    )
    folder = tmp_path_factory.mktemp("base")
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(tokenizer_folder()).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapters(
    checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "one": make_adapter(checkpoint, folder / "one", 5),
        "two": make_adapter(
            checkpoint, folder / "two", 6, use_rslora=True, alpha_pattern={"q_proj": 4}
        ),
    }


def options(checkpoint: Path, **changes: Any) -> Options:
    given: dict[str, Any] = {"names": ("m",), "slots": 8, "threads": 1, "device": "cpu"}
    return Options(model=checkpoint, dtype="float32", context_length=256, **given | changes)


@pytest.fixture
async def engine(checkpoint: Path, adapters: dict[str, tuple[Path, str]]) -> AsyncIterator[Engine]:
    words = [f"{name}={folder}" for name, (folder, _) in adapters.items()]
    engine = create(options(checkpoint, lora_modules=words))
    yield engine
    await engine.aclose()


async def said(engine: Engine, model: str, **changes: Any) -> str:
    request = ask(PROMPT, **{"max_tokens": 8, **changes})
    answer: Chunk = await collect(engine.generate(replace(request, model=model)))
    return answer.text


async def test_each_answers_as_if_it_were_merged_also_where_a_prompt_is_shared(
    engine: Engine, adapters: dict[str, tuple[Path, str]]
) -> None:
    assert list(engine.model_names) == ["m", "one", "two"]
    base = await said(engine, "m")
    wanted = {name: text for name, (_, text) in adapters.items()} | {"m": base}
    assert len(set(wanted.values())) == 3
    for _ in range(2):  # the second time all find their prompt in the cache
        for name, text in wanted.items():
            assert (await said(engine, name)).strip() == text.strip()


async def test_one_batch_holds_all_of_them_and_a_seed_goes_beside_it(
    engine: Engine, adapters: dict[str, tuple[Path, str]]
) -> None:
    names = ["m", "one", "two"] * 3
    seeds = [None, None, None, 1, 1, 1, None, None, None]
    alone = {name: await said(engine, name) for name in ("m", "one", "two")}
    together = await asyncio.gather(
        *(said(engine, name, seed=seed) for name, seed in zip(names, seeds, strict=True))
    )
    assert together == [alone[name] for name in names]


async def test_each_finds_a_prompt_as_likely_as_it_does_itself(engine: Engine) -> None:
    wanted = {"max_tokens": 0, "logprobs": 0, "prompt_logprobs": 0}
    told: dict[str, list[float | None]] = {}
    for name in ("m", "one", "two", "m"):
        chunk = await collect(engine.generate(replace(ask(PROMPT, **wanted), model=name)))
        numbers = [one.logprob for one in chunk.prompt_logprobs]
        assert told.setdefault(name, numbers) == numbers
    assert told["m"] != told["one"] != told["two"] != told["m"]


async def test_they_come_and_go_while_answers_run(
    checkpoint: Path, adapters: dict[str, tuple[Path, str]]
) -> None:
    engine = create(options(checkpoint, enable_lora=True))
    assert isinstance(engine, Adapts)
    base = await said(engine, "m")
    running = True

    async def load() -> int:
        count = 0
        while running:
            assert await said(engine, "m") == base
            count += 1
        return count

    readers = [asyncio.create_task(load()) for _ in range(3)]
    for _ in range(4):
        for name, (folder, text) in adapters.items():
            await engine.add_adapter(name, str(folder))
            assert (await said(engine, name)).strip() == text.strip()
            request = replace(ask(PROMPT, max_tokens=8), model=name)
            async with aclosing(engine.generate(request)) as chunks:
                first = await anext(chunks)
                await engine.remove_adapter(name)
                rest = "".join([chunk.text async for chunk in chunks])
            assert (first.text + rest).strip() == text.strip()
            with pytest.raises(UnknownModel):
                await said(engine, name)
    running = False
    assert min(await asyncio.gather(*readers)) > 0
    assert engine.model_names == ("m",)
    await engine.aclose()


async def test_what_does_not_fit_is_refused_with_its_reason(
    engine: Engine, adapters: dict[str, tuple[Path, str]], tmp_path: Path, checkpoint: Path
) -> None:
    assert isinstance(engine, Adapts)
    folder = adapters["one"][0]
    with pytest.raises(Conflict, match="'one'"):
        await engine.add_adapter("one", str(folder))
    with pytest.raises(InvalidRequest, match="'three'"):
        await engine.remove_adapter("three")
    with pytest.raises(InvalidRequest, match=r"adapter_config\.json"):
        await engine.add_adapter("three", str(tmp_path))
    config = json.loads((folder / "adapter_config.json").read_text())
    (tmp_path / "adapter_model.safetensors").write_bytes(b"nonsense")
    for change, reason in (
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias"),
        ({"peft_type": "IA3"}, "IA3"),
        ({}, "cannot be read"),
    ):
        (tmp_path / "adapter_config.json").write_text(json.dumps(config | change))
        with pytest.raises(InvalidRequest, match=reason):
            await engine.add_adapter("three", str(tmp_path))
    assert "three" not in engine.model_names


async def test_an_adapter_of_another_model_is_refused(
    engine: Engine, adapters: dict[str, tuple[Path, str]], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    assert isinstance(engine, Adapts)
    folder = adapters["one"][0]
    (tmp_path / "adapter_config.json").write_bytes((folder / "adapter_config.json").read_bytes())
    weights = load_file(folder / "adapter_model.safetensors")
    wider = {key: one.repeat(1, 2) for key, one in weights.items()}
    renamed = {key.replace("self_attn", "attention"): one for key, one in weights.items()}
    for changed, reason in ((wider, "another shape"), (renamed, "no layer")):
        save_file(changed, tmp_path / "adapter_model.safetensors")
        with pytest.raises(InvalidRequest, match=reason):
            await engine.add_adapter("three", str(tmp_path))


async def test_without_leave_nothing_is_added(
    checkpoint: Path, adapters: dict[str, tuple[Path, str]]
) -> None:
    engine = create(options(checkpoint))
    assert isinstance(engine, Adapts)
    with pytest.raises(Unsupported, match="--enable-lora"):
        await engine.add_adapter("one", str(adapters["one"][0]))
    await engine.aclose()
    with pytest.raises(ConfigError, match="NAME=FOLDER"):
        create(options(checkpoint, lora_modules=["one"]))
