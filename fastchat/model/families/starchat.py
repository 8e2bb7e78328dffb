"""StarChat."""

from fastchat.model.family import Family

FAMILY = Family(
    name="starchat",
    patterns=("starchat",),
    template="starchat",
    examples=("HuggingFaceH4/starchat-beta",),
)
