"""LoRA adapters with random weights, and what a model says when one is merged into it."""

from pathlib import Path
from typing import Any

# Longer than a page of the cache, so that its keys and values could be shared.
PROMPT = "Once upon a time there was a lighthouse at the end of the world. " * 4


def make_adapter(checkpoint: Path, out: Path, seed: int, **changes: Any) -> tuple[Path, str]:
    """With what the model says to `PROMPT` when the adapter is merged into it."""
    import peft
    import torch
    import transformers

    torch.manual_seed(seed)
    config = peft.LoraConfig(
        r=4,
        lora_alpha=16,
        target_modules=["q_proj", "v_proj", "down_proj"],
        init_lora_weights=False,
        **changes,
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    base = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    adapted = peft.get_peft_model(base, config)
    adapted.save_pretrained(out)
    merged = adapted.merge_and_unload()
    ids = tokenizer(PROMPT, return_tensors="pt").input_ids
    said = merged.generate(ids, max_new_tokens=8, do_sample=False)[0, ids.shape[1] :]
    return out, str(tokenizer.decode(said, skip_special_tokens=True))
