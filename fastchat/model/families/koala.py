"""Koala, by BAIR."""

from fastchat.model.family import Family

FAMILY = Family(
    name="koala",
    patterns=("koala",),
    template="koala_v1",
    examples=("TheBloke/koala-13B-HF",),
)
