"""XGen, by Salesforce."""

from fastchat.model.family import Family

FAMILY = Family(
    name="xgen",
    patterns=("xgen",),
    template="xgen",
    examples=("Salesforce/xgen-7b-8k-inst",),
)
