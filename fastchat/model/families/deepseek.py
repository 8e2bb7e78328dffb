"""DeepSeek V2, V3 and R1."""

from fastchat.model.family import Family

FAMILY = Family(
    name="deepseek",
    patterns=("deepseek-v2", "deepseek-v3", "deepseek-r1"),
    template=None,
    examples=("deepseek-ai/DeepSeek-V3", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"),
    brings_own=True,
)
