"""Vigogne chat models, in French."""

from fastchat.model.family import Family

FAMILY = Family(
    name="vigogne_chat",
    patterns=("vigogne chat",),
    template="vigogne_chat_v2",
    examples=("bofenghuang/vigogne-2-7b-chat",),
)
