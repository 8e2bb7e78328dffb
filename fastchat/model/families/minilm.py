"""Sentence encoders of the MiniLM and MPNet kind: embeddings."""

from fastchat.model.family import Family

FAMILY = Family(
    name="minilm",
    patterns=("all-minilm", "all-mpnet"),
    template=None,
    examples=("sentence-transformers/all-MiniLM-L6-v2", "sentence-transformers/all-mpnet-base-v2"),
)
