"""Falcon chat models, by TII."""

from fastchat.model.family import Family

FAMILY = Family(
    name="falcon_chat",
    patterns=("falcon chat",),
    template="falcon-chat",
    examples=("tiiuae/falcon-180B-chat",),
    is_base=True,
)
