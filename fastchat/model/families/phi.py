"""Phi, by Microsoft."""

from fastchat.model.family import Family

FAMILY = Family(
    name="phi",
    patterns=("phi-3", "phi-4"),
    template=None,
    examples=("microsoft/Phi-3-mini-4k-instruct", "microsoft/phi-4"),
    is_base=True,
    brings_own=True,
)
