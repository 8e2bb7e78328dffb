"""E5: embeddings."""

from fastchat.model.family import Family

FAMILY = Family(
    name="e5",
    patterns=("e5-",),
    template=None,
    examples=("intfloat/e5-large-v2", "intfloat/multilingual-e5-large"),
)
