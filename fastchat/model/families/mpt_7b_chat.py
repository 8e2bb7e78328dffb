"""MPT-7B-Chat, by MosaicML."""

from fastchat.model.family import Family

FAMILY = Family(
    name="mpt_7b_chat",
    patterns=("mpt-7b-chat",),
    template="mpt-7b-chat",
    examples=("mosaicml/mpt-7b-chat",),
    is_base=True,
)
