"""Checkpoints of many architectures, tiny and random: what the engine says is what plain `generate`
says, on both ways, whatever the architecture can do."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fastchat.core.generation import GenerationRequest, Sampling, collect
from fastchat.engines.transformers import Options
from fastchat.engines.transformers.build import generating_engine as create
from fastchat.engines.transformers.engine import TransformersEngine

pytestmark = [pytest.mark.transformers, pytest.mark.filterwarnings("ignore")]

SIZES: dict[str, Any] = {
    "vocab_size": 49152,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 512,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
}
# The name of each architecture, and what it calls or wants differently.
BATCHED: dict[str, dict[str, Any]] = {
    "llama": {"num_key_value_heads": 2},
    "mistral": {"num_key_value_heads": 2, "sliding_window": None},
    "mixtral": {"num_key_value_heads": 2, "num_local_experts": 2},
    "qwen2": {"num_key_value_heads": 2},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 8},
    "gemma": {"num_key_value_heads": 2, "head_dim": 8},
    "phi3": {"num_key_value_heads": 2},
    "gpt_neox": {},
    "olmo2": {},
    "starcoder2": {"num_key_value_heads": 2},
    "gpt2": {},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32},
}
ALONE: dict[str, dict[str, Any]] = {
    "mamba": {"state_size": 4},
    "t5": {
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 64,
        "num_layers": 2,
        "num_heads": 4,
        "decoder_start_token_id": 2,
    },
    "bloom": {"n_layer": 2, "n_head": 4},
    "falcon": {"new_decoder_architecture": True, "num_kv_heads": 2},
}
PROMPT = "Once upon a time there was a lighthouse"


def _model(name: str, sizes: dict[str, Any]) -> Any:
    import torch
    import transformers

    torch.manual_seed(1)
    config = transformers.AutoConfig.for_model(name, **SIZES | sizes)
    kind = transformers.AutoModelForCausalLM
    if config.is_encoder_decoder:
        kind = transformers.AutoModelForSeq2SeqLM
    return kind.from_config(config, dtype=torch.float32).eval()


def _plain(model: Any, tokenizer: Any) -> str:
    ids = tokenizer(PROMPT, return_tensors="pt").input_ids
    out = model.generate(ids, max_new_tokens=8, do_sample=False, repetition_penalty=1.0)[0]
    said = out[1:] if model.config.is_encoder_decoder else out[ids.shape[1] :]
    return str(tokenizer.decode(said, skip_special_tokens=True))


def _engine(folder: Path) -> TransformersEngine:
    return create(
        Options(
            model=folder,
            names=("m",),
            slots=2,
            threads=1,
            context_length=128,
            dtype="float32",
            device="cpu",
        )
    )


def _ask(**sampling: Any) -> GenerationRequest:
    return GenerationRequest(
        id="r",
        model="m",
        prompt=PROMPT,
        max_tokens=8,
        sampling=Sampling(temperature=0.0, **sampling),
    )


@pytest.mark.parametrize("name", [*BATCHED, *ALONE])
async def test_the_engine_says_what_plain_generate_says(
    name: str, hf_smollm2_path: Path, tmp_path: Path
) -> None:
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(hf_smollm2_path)
    model = _model(name, (BATCHED | ALONE)[name])
    tokenizer.save_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    plain = await asyncio.to_thread(_plain, model, tokenizer)
    engine = _engine(tmp_path)
    try:
        assert (engine._batcher is not None) == (name in BATCHED)
        requests = [_ask(), _ask(), _ask(seed=1), _ask(seed=1)]
        said = await asyncio.gather(*(collect(engine.generate(one)) for one in requests))
        assert {answer.text.strip() for answer in said} == {plain.strip()}
    finally:
        await engine.aclose()
