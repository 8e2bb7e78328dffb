"""Mistral and Mixtral, by Mistral AI."""

from fastchat.model.family import Family

FAMILY = Family(
    name="mistral",
    patterns=("mistral", "mixtral"),
    template="mistral",
    examples=("mistralai/Mistral-7B-Instruct-v0.2", "mistralai/Mixtral-8x7B-Instruct-v0.1"),
    is_base=True,
    brings_own=True,
)
