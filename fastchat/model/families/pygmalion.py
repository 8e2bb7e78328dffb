"""Pygmalion, Mythalion and Metharme."""

from fastchat.model.family import Family

FAMILY = Family(
    name="pygmalion",
    patterns=("pygmalion", "mythalion", "metharme"),
    template="metharme",
    examples=("PygmalionAI/mythalion-13b", "PygmalionAI/metharme-7b"),
)
