"""Llama 3, by Meta."""

from fastchat.model.family import Family

FAMILY = Family(
    name="llama3",
    patterns=("llama-3", "llama3"),
    template=None,
    examples=(
        "meta-llama/Meta-Llama-3-8B-Instruct",
        "meta-llama/Llama-3.1-8B-Instruct",
        "meta-llama/Llama-3.2-3B-Instruct",
    ),
    is_base=True,
    brings_own=True,
)
