"""Yuan 2.0."""

from fastchat.model.family import Family

FAMILY = Family(
    name="yuan2",
    patterns=("yuan2",),
    template="yuan2",
    examples=("IEITYuan/Yuan2-2B-hf",),
)
