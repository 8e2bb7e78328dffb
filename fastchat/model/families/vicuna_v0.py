"""The first Vicuna, which was trained with an example before every conversation."""

from fastchat.model.family import Family

FAMILY = Family(
    name="vicuna_v0",
    patterns=("vicuna v0",),
    template="one_shot",
    examples=("lmsys/vicuna-13b-delta-v0",),
)
