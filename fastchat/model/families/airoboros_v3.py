"""Airoboros 3, which took over the format of Llama 2."""

from fastchat.model.family import Family

FAMILY = Family(
    name="airoboros_v3",
    patterns=("airoboros -3.", "airoboros -3p", "spicyboros -3.", "spicyboros -3p"),
    template="airoboros_v3",
    examples=("jondurbin/airoboros-m-7b-3.1.2", "jondurbin/airoboros-l2-70b-3p1"),
)
