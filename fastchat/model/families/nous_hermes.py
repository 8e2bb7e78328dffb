"""Nous-Hermes on LLaMA."""

from fastchat.model.family import Family

FAMILY = Family(
    name="nous_hermes",
    patterns=("nous-hermes",),
    template="alpaca",
    examples=("NousResearch/Nous-Hermes-13b", "NousResearch/Nous-Hermes-Llama2-13b"),
)
