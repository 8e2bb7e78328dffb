"""Manticore."""

from fastchat.model.family import Family

FAMILY = Family(
    name="manticore",
    patterns=("manticore",),
    template="manticore",
    examples=("openaccess-ai-collective/manticore-13b-chat-pyg",),
)
