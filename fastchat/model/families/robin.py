"""Robin, by LMFlow."""

from fastchat.model.family import Family

FAMILY = Family(
    name="robin",
    patterns=("robin",),
    template="Robin",
    examples=("LMFlow/Full-Robin-7b-v2",),
)
