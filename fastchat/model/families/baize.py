"""Baize, by UCSD and Sun Yat-Sen University."""

from fastchat.model.family import Family

FAMILY = Family(
    name="baize",
    patterns=("baize",),
    template="baize",
    examples=("project-baize/baize-v2-7b",),
)
