"""CuteGPT."""

from fastchat.model.family import Family

FAMILY = Family(
    name="cutegpt",
    patterns=("cutegpt",),
    template="cutegpt",
    examples=("XuYifan/CuteGPT-13b",),
)
