"""TenyxChat."""

from fastchat.model.family import Family

FAMILY = Family(
    name="tenyxchat",
    patterns=("tenyxchat",),
    template="tenyxchat",
    examples=("tenyx/TenyxChat-7B-v1",),
)
