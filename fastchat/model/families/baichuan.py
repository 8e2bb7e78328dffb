"""Baichuan base models."""

from fastchat.model.family import Family

FAMILY = Family(
    name="baichuan",
    patterns=("baichuan",),
    template="zero_shot",
    examples=("baichuan-inc/Baichuan-7B", "baichuan-inc/Baichuan2-13B-Base"),
    is_base=True,
)
