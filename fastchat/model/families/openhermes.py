"""OpenHermes 2 on Mistral, by Teknium."""

from fastchat.model.family import Family

FAMILY = Family(
    name="openhermes",
    patterns=("openhermes-2.5-mistral-7b", "openhermes-2-mistral-7b"),
    template="OpenHermes-2.5-Mistral-7B",
    examples=("teknium/OpenHermes-2.5-Mistral-7B", "teknium/OpenHermes-2-Mistral-7B"),
)
