"""Qwen, by Alibaba Cloud."""

from fastchat.model.family import Family

FAMILY = Family(
    name="qwen",
    patterns=("qwen",),
    template="qwen-7b-chat",
    examples=("Qwen/Qwen-7B-Chat", "Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen3-8B"),
    is_base=True,
    brings_own=True,
)
