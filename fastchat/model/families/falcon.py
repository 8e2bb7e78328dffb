"""Falcon, by TII."""

from fastchat.model.family import Family

FAMILY = Family(
    name="falcon",
    patterns=("falcon",),
    template="falcon",
    examples=("tiiuae/falcon-40b", "tiiuae/falcon-7b-instruct"),
    is_base=True,
)
