"""The built-in model as a Hugging Face checkpoint: safetensors, tokenizer, chat template.

    python -m tools.convert_smollm2 OUT_FOLDER

Needs torch, transformers, accelerate and gguf. The weights are what the 4-bit file holds, not the
original checkpoint: good for tests and benchmarks, not for quoting quality.
"""

import argparse
import os
from pathlib import Path

from fastchat.core.config import cache_folder
from fastchat.model.weights import DEFAULT_MODEL, resolve

FOLDER = f"{DEFAULT_MODEL}-hf"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    convert(resolve(DEFAULT_MODEL, cache=cache_folder()), parser.parse_args().out)


def converted() -> Path:
    """The checkpoint in the cache folder; it is made when it is not there."""
    out = cache_folder() / FOLDER
    if not (out / "model.safetensors").exists():
        unfinished = out.with_name(f"{FOLDER}.{os.getpid()}")
        convert(resolve(DEFAULT_MODEL, cache=cache_folder()), unfinished)
        unfinished.rename(out)
    return out


def tokenizer_folder() -> Path:
    """Where its tokenizer is: for models with random weights, the weights need not be there."""
    out = cache_folder() / FOLDER
    return out if (out / "tokenizer.json").exists() else converted()


def convert(gguf: Path, out: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source, file = str(gguf.parent), gguf.name
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=file)
    # Packed weights, as they come otherwise, cannot be saved.
    model = AutoModelForCausalLM.from_pretrained(
        source,
        gguf_file=file,
        dtype=torch.bfloat16,
        quantization_config=GgufConfig(dequantize=True),
    )
    out.mkdir(parents=True)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    main()
