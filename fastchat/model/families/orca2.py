"""Orca 2, by Microsoft."""

from fastchat.model.family import Family

FAMILY = Family(
    name="orca2",
    patterns=("orca-2",),
    template="orca-2",
    examples=("microsoft/Orca-2-7b",),
)
