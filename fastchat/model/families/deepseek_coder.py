"""DeepSeek Coder."""

from fastchat.model.family import Family

FAMILY = Family(
    name="deepseek_coder",
    patterns=("deepseek-coder",),
    template="deepseek-coder",
    examples=("deepseek-ai/deepseek-coder-33b-instruct",),
)
