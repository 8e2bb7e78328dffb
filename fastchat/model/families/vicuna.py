"""Vicuna, by LMSYS."""

from fastchat.model.family import Family

FAMILY = Family(
    name="vicuna",
    patterns=("vicuna",),
    template="vicuna_v1.1",
    examples=("lmsys/vicuna-7b-v1.5", "lmsys/vicuna-33b-v1.3", "llava-v1.6-vicuna-13b"),
    beats_own=True,
)
