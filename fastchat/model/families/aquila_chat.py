"""AquilaChat, by BAAI."""

from fastchat.model.family import Family

FAMILY = Family(
    name="aquila_chat",
    patterns=("aquila",),
    template="aquila-chat",
    examples=("BAAI/AquilaChat-7B", "BAAI/Aquila-7B"),
)
