"""CodeGeeX, by Tsinghua University."""

from fastchat.model.family import Family

FAMILY = Family(
    name="codegeex",
    patterns=("codegeex",),
    template="codegeex",
    examples=("THUDM/codegeex2-6b",),
)
