"""OpenOrca on Llama 2."""

from fastchat.model.family import Family

FAMILY = Family(
    name="openorca",
    patterns=("openorca",),
    template="open-orca",
    examples=("Open-Orca/OpenOrcaxOpenChat-Preview2-13B",),
)
