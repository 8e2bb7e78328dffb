"""Granite, by IBM."""

from fastchat.model.family import Family

FAMILY = Family(
    name="granite",
    patterns=("granite",),
    template=None,
    examples=("ibm-granite/granite-3.1-8b-instruct",),
    brings_own=True,
)
