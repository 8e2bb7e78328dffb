"""AquilaChat2 with the long context, by BAAI."""

from fastchat.model.family import Family

FAMILY = Family(
    name="aquila_16k",
    patterns=("aquilachat2 16k", "aquilachat2 34b 16k"),
    template="aquila",
    examples=("BAAI/AquilaChat2-7B-16K", "BAAI/AquilaChat2-34B-16K"),
)
