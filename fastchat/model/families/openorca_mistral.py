"""OpenOrca on Mistral."""

from fastchat.model.family import Family

FAMILY = Family(
    name="openorca_mistral",
    patterns=("mistral-7b-openorca",),
    template="mistral-7b-openorca",
    examples=("Open-Orca/Mistral-7B-OpenOrca",),
)
