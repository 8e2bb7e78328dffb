"""TinyLlama."""

from fastchat.model.family import Family

FAMILY = Family(
    name="tinyllama",
    patterns=("tinyllama",),
    template="TinyLlama",
    examples=("TinyLlama/TinyLlama-1.1B-Chat-v1.0",),
    is_base=True,
)
