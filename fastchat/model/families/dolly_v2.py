"""Dolly 2, by Databricks."""

from fastchat.model.family import Family

FAMILY = Family(
    name="dolly_v2",
    patterns=("dolly-v2",),
    template="dolly_v2",
    examples=("databricks/dolly-v2-12b",),
)
