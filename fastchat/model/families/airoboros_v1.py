"""Airoboros up to version 2.1, by Jon Durbin."""

from fastchat.model.family import Family

FAMILY = Family(
    name="airoboros_v1",
    patterns=("airoboros",),
    template="airoboros_v1",
    examples=(
        "jondurbin/airoboros-l2-70b-2.1",
        "jondurbin/airoboros-l2-70b-gpt4-1.4.1",
        "jondurbin/airoboros-mpt-30b-gpt4-1p4-five-epochs",
    ),
)
