"""Xwin-LM."""

from fastchat.model.family import Family

FAMILY = Family(
    name="xwin",
    patterns=("xwin-lm",),
    template="vicuna_v1.1",
    examples=("Xwin-LM/Xwin-LM-70B-V0.1",),
)
