"""Qwen, by Alibaba Cloud."""

from fastchat.model.family import Family

FAMILY = Family(
    name="qwen",
    patterns=("qwen",),
    template="qwen-7b-chat",
    examples=("Qwen/Qwen-7B-Chat", "Qwen/Qwen1.5-72B-Chat"),
    is_base=True,
)
