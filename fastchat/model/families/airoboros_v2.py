"""Airoboros from 2.2 on, and its sister Spicyboros."""

from fastchat.model.family import Family

FAMILY = Family(
    name="airoboros_v2",
    patterns=(
        "spicyboros",
        "airoboros -2.2",
        "airoboros -2.3",
        "airoboros -2.4",
        "airoboros -2.5",
        "airoboros -2.6",
        "airoboros -2.7",
        "airoboros -2.8",
        "airoboros -2.9",
    ),
    template="airoboros_v2",
    examples=("jondurbin/airoboros-l2-13b-2.2.1", "jondurbin/spicyboros-13b-2.2"),
)
