"""The models that are measured: the built-in one, a folder, or random weights of a real shape."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools.convert_smollm2 import converted, tokenizer_folder

# Llama's shape: hidden size, layers, heads, size between. They are the size of 1 B and of 7 B.
SHAPES = {"random-1b": (2048, 16, 32, 8192), "random-7b": (4096, 32, 32, 11008)}


@contextmanager
def folder_of(model: str) -> Iterator[Path]:
    if model not in SHAPES:
        yield Path(model) if model else converted()
        return
    with tempfile.TemporaryDirectory() as made:
        make_random(SHAPES[model], Path(made))
        yield Path(made)


def make_random(shape: tuple[int, int, int, int], folder: Path) -> None:
    import torch

    import transformers

    config = make_shape(shape, folder)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)


def make_shape(shape: tuple[int, int, int, int], folder: Path) -> Any:
    """A checkpoint without its weights; its configuration."""
    import transformers

    hidden, layers, heads, between = shape
    tokenizer = transformers.AutoTokenizer.from_pretrained(tokenizer_folder())
    config = transformers.LlamaConfig(
        architectures=["LlamaForCausalLM"],
        dtype="bfloat16",
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=between,
        max_position_embeddings=4096,
        eos_token_id=2,
    )
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return config
