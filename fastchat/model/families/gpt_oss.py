"""gpt-oss, by OpenAI."""

from fastchat.model.family import Family

FAMILY = Family(
    name="gpt_oss",
    patterns=("gpt-oss",),
    template=None,
    examples=("openai/gpt-oss-20b",),
    brings_own=True,
)
