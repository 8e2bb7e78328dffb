"""Gemini, by Google, also under the name of Bard."""

from fastchat.model.family import Family

FAMILY = Family(
    name="gemini",
    patterns=("gemini", "bard"),
    template="gemini",
    examples=("gemini-pro", "bard-jan-24-gemini-pro"),
)
