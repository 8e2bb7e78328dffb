"""BGE, by BAAI: embeddings."""

from fastchat.model.family import Family

FAMILY = Family(
    name="bge",
    patterns=("bge",),
    template=None,
    examples=("BAAI/bge-large-en-v1.5",),
)
