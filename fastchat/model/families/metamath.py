"""MetaMath."""

from fastchat.model.family import Family

FAMILY = Family(
    name="metamath",
    patterns=("metamath",),
    template="metamath",
    examples=("meta-math/MetaMath-70B-V1.0",),
)
