"""Notus, by Argilla."""

from fastchat.model.family import Family

FAMILY = Family(
    name="notus",
    patterns=("notus",),
    template="zephyr",
    examples=("argilla/notus-7b-v1",),
)
