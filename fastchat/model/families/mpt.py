"""MPT base models, by MosaicML."""

from fastchat.model.family import Family

FAMILY = Family(
    name="mpt",
    patterns=("mpt",),
    template="zero_shot",
    examples=("mosaicml/mpt-7b",),
    is_base=True,
)
