"""ReaLM."""

from fastchat.model.family import Family

FAMILY = Family(
    name="realm",
    patterns=("ReaLM",),
    template="ReaLM-7b-v1",
    examples=("FreedomIntelligence/ReaLM-7b-v1",),
)
