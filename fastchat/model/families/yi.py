"""Yi chat models, by 01.AI."""

from fastchat.model.family import Family

FAMILY = Family(
    name="yi",
    patterns=("yi- chat",),
    template="Yi-34b-chat",
    examples=("01-ai/Yi-34B-Chat",),
    is_base=True,
    brings_own=True,
)
