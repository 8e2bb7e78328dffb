"""LongChat, by LMSYS."""

from fastchat.model.family import Family

FAMILY = Family(
    name="longchat",
    patterns=("longchat",),
    template="vicuna_v1.1",
    examples=("lmsys/longchat-7b-16k",),
    beats_own=True,
)
