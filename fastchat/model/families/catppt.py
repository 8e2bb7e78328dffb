"""CatPPT."""

from fastchat.model.family import Family

FAMILY = Family(
    name="catppt",
    patterns=("catppt",),
    template="catppt",
    examples=("rishiraj/CatPPT",),
)
