"""Vigostral: Vigogne on Mistral."""

from fastchat.model.family import Family

FAMILY = Family(
    name="vigostral_chat",
    patterns=("vigostral chat",),
    template="vigogne_chat_v3",
    examples=("bofenghuang/vigostral-7b-chat",),
)
