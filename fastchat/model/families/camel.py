"""CAMEL."""

from fastchat.model.family import Family

FAMILY = Family(
    name="camel",
    patterns=("camel",),
    template="vicuna_v1.1",
    examples=("camel-ai/CAMEL-13B-Combined-Data",),
)
