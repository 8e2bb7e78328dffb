"""Baichuan 2 chat models."""

from fastchat.model.family import Family

FAMILY = Family(
    name="baichuan2_chat",
    patterns=("baichuan2 chat",),
    template="baichuan2-chat",
    examples=("baichuan-inc/Baichuan2-7B-Chat", "baichuan-inc/Baichuan2-13B-Chat"),
    is_base=True,
)
