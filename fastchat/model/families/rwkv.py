"""RWKV-4 Raven."""

from fastchat.model.family import Family

FAMILY = Family(
    name="rwkv",
    patterns=("rwkv-4",),
    template="rwkv",
    examples=("BlinkDL/RWKV-4-Raven",),
)
