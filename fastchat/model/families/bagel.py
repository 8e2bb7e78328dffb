"""Bagel, by Jon Durbin."""

from fastchat.model.family import Family

FAMILY = Family(
    name="bagel",
    patterns=("bagel",),
    template="airoboros_v3",
    examples=("jondurbin/bagel-34b-v0.2", "jondurbin/bagel-dpo-7b-v0.1"),
)
