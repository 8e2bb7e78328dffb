"""AquilaChat2-34B, by BAAI."""

from fastchat.model.family import Family

FAMILY = Family(
    name="aquila_34b",
    patterns=("aquilachat2 34b",),
    template="aquila-legacy",
    examples=("BAAI/AquilaChat2-34B",),
)
