"""Zephyr, by Hugging Face."""

from fastchat.model.family import Family

FAMILY = Family(
    name="zephyr",
    patterns=("zephyr",),
    template="zephyr",
    examples=("HuggingFaceH4/zephyr-7b-beta",),
)
