"""AquilaChat2, by BAAI."""

from fastchat.model.family import Family

FAMILY = Family(
    name="aquila_chat2",
    patterns=("aquilachat2",),
    template="aquila-v1",
    examples=("BAAI/AquilaChat2-7B",),
)
