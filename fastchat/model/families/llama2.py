"""Llama 2, by Meta."""

from fastchat.model.family import Family

FAMILY = Family(
    name="llama2",
    patterns=("llama-2",),
    template="llama-2",
    examples=("meta-llama/Llama-2-7b-chat-hf", "meta-llama/Llama-2-70b-hf"),
    is_base=True,
)
