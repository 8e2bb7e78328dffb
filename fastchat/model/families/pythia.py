"""Pythia, by EleutherAI: base models."""

from fastchat.model.family import Family

FAMILY = Family(
    name="pythia",
    patterns=("pythia",),
    template=None,
    examples=("EleutherAI/pythia-6.9b",),
    is_base=True,
)
