"""Nous-Hermes 2 on Mixtral."""

from fastchat.model.family import Family

FAMILY = Family(
    name="nous_hermes_mixtral",
    patterns=("nous-hermes-2-mixtral-8x7b-dpo", "nous-hermes-2-mixtral-8x7b-sft"),
    template="Nous-Hermes-2-Mixtral-8x7B-DPO",
    examples=(
        "NousResearch/Nous-Hermes-2-Mixtral-8x7B-DPO",
        "NousResearch/Nous-Hermes-2-Mixtral-8x7B-SFT",
    ),
)
