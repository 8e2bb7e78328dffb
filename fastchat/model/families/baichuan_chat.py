"""Baichuan chat models of the first generation."""

from fastchat.model.family import Family

FAMILY = Family(
    name="baichuan_chat",
    patterns=("baichuan chat",),
    template="baichuan-chat",
    examples=("baichuan-inc/Baichuan-13B-Chat",),
    is_base=True,
)
