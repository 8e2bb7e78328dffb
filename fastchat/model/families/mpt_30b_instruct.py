"""MPT-30B-Instruct, by MosaicML."""

from fastchat.model.family import Family

FAMILY = Family(
    name="mpt_30b_instruct",
    patterns=("mpt-30b-instruct",),
    template="mpt-30b-instruct",
    examples=("mosaicml/mpt-30b-instruct",),
    is_base=True,
)
