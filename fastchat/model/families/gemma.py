"""Gemma, by Google."""

from fastchat.model.family import Family

FAMILY = Family(
    name="gemma",
    patterns=("gemma",),
    template=None,
    examples=("google/gemma-2-9b-it", "google/gemma-3-4b-it"),
    is_base=True,
    brings_own=True,
)
