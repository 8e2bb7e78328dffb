"""Yuan."""

from fastchat.model.family import Family

FAMILY = Family(
    name="yuan",
    patterns=("yuan",),
    template="yuan",
    examples=("IEIT-Yuan/Yuan-2.0",),
)
