"""Phoenix."""

from fastchat.model.family import Family

FAMILY = Family(
    name="phoenix",
    patterns=("phoenix",),
    template="phoenix",
    examples=("FreedomIntelligence/phoenix-inst-chat-7b",),
)
