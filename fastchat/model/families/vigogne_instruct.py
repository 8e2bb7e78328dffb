"""Vigogne instruct models, in French."""

from fastchat.model.family import Family

FAMILY = Family(
    name="vigogne_instruct",
    patterns=("vigogne", "vigostral"),
    template="vigogne_instruct",
    examples=("bofenghuang/vigogne-2-7b-instruct",),
)
