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
    # So large that what is said depends on all that was said before.
    "initializer_range": 0.3,
    "init_std": 0.3,
}
TOKENS = 24
MLA: dict[str, Any] = {
    "num_key_value_heads": 4,
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
}
# The name of each architecture, and what it calls or wants differently.
BATCHED: dict[str, dict[str, Any]] = {
    "llama": {"num_key_value_heads": 2},
    "mistral": {"num_key_value_heads": 2, "sliding_window": 16},
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
    "smollm3": {"num_key_value_heads": 2, "no_rope_layers": [1, 0]},
    "exaone4": {"num_key_value_heads": 2, "sliding_window": 16, "sliding_window_pattern": 2},
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
    "deepseek_v3": {
        **MLA,
        "n_routed_experts": 2,
        "num_experts_per_tok": 1,
        "n_group": 1,
        "topk_group": 1,
        "first_k_dense_replace": 1,
        "moe_intermediate_size": 16,
        "n_shared_experts": 1,
    },
    "minicpm3": MLA,
    "doge": {"num_key_value_heads": 2},
    "mpt": {"d_model": 32, "n_heads": 4, "n_layers": 2},
    "minimax": {
        "num_key_value_heads": 2,
        "head_dim": 8,
        "num_local_experts": 2,
        "block_size": 16,
    },
    "gpt_oss": {
        "num_key_value_heads": 2,
        "head_dim": 8,
        "num_local_experts": 2,
        "num_experts_per_tok": 1,
        "sliding_window": 16,
    },
    "qwen3_next": {
        "num_key_value_heads": 2,
        "head_dim": 8,
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "moe_intermediate_size": 16,
        "shared_expert_intermediate_size": 16,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "layer_types": ["linear_attention", "full_attention"],
    },
    "lfm2": {"num_key_value_heads": 2, "layer_types": ["conv", "full_attention"]},
}
PROMPT = (
    "Once upon a time there was a lighthouse far away on the northern coast, where the wind never "
    "stopped and gulls cried all day long over the grey waves, and"
)


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
    out = model.generate(ids, max_new_tokens=TOKENS, do_sample=False, repetition_penalty=1.0)[0]
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
        max_tokens=TOKENS,
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
