"""TigerBot."""

from fastchat.model.family import Family

FAMILY = Family(
    name="tigerbot",
    patterns=("tigerbot",),
    template="tigerbot",
    examples=("TigerResearch/tigerbot-7b-sft",),
)
