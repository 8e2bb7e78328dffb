"""SOLAR Instruct, by Upstage."""

from fastchat.model.family import Family

FAMILY = Family(
    name="solar",
    patterns=("solar- instruct",),
    template="solar",
    examples=("upstage/SOLAR-10.7B-Instruct-v1.0",),
)
