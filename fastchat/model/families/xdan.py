"""xDAN-L1."""

from fastchat.model.family import Family

FAMILY = Family(
    name="xdan",
    patterns=("xdan v1",),
    template="xdan-v1",
    examples=("xDAN-AI/xDAN-L1-Chat-RL-v1",),
)
