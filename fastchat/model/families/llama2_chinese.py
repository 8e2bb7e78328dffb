"""Llama 2 in Chinese, by FlagAlpha."""

from fastchat.model.family import Family

FAMILY = Family(
    name="llama2_chinese",
    patterns=("llama2-chinese",),
    template="llama2-chinese",
    examples=("FlagAlpha/Llama2-Chinese-13b-Chat",),
)
