"""Tülu, by the Allen Institute."""

from fastchat.model.family import Family

FAMILY = Family(
    name="tulu",
    patterns=("tulu",),
    template="tulu",
    examples=("allenai/tulu-30b", "allenai/tulu-2-dpo-70b"),
)
