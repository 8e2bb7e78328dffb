"""DeepSeek LLM chat models."""

from fastchat.model.family import Family

FAMILY = Family(
    name="deepseek_chat",
    patterns=("deepseek-llm chat",),
    template="deepseek-chat",
    examples=("deepseek-ai/deepseek-llm-67b-chat",),
)
