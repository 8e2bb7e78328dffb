"""MPT-30B-Chat, by MosaicML."""

from fastchat.model.family import Family

FAMILY = Family(
    name="mpt_30b_chat",
    patterns=("mpt-30b-chat",),
    template="mpt-30b-chat",
    examples=("mosaicml/mpt-30b-chat",),
    is_base=True,
)
