"""Command R and Aya, by Cohere."""

from fastchat.model.family import Family

FAMILY = Family(
    name="command_r",
    patterns=("command-r", "aya-expanse"),
    template=None,
    examples=("CohereForAI/c4ai-command-r-plus", "CohereForAI/aya-expanse-8b"),
    brings_own=True,
)
