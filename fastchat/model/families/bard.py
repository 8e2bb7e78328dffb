"""Google's chat models before Gemini."""

from fastchat.model.family import Family

FAMILY = Family(
    name="bard",
    patterns=("=bard", "=palm-2"),
    template="bard",
    examples=("bard", "palm-2"),
)
