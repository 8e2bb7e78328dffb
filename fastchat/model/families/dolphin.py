"""Dolphin on Mistral, by Eric Hartford."""

from fastchat.model.family import Family

FAMILY = Family(
    name="dolphin",
    patterns=("dolphin mistral",),
    template="dolphin-2.2.1-mistral-7b",
    examples=("ehartford/dolphin-2.2.1-mistral-7b",),
)
