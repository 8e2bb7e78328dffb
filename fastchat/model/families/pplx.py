"""Perplexity's online models."""

from fastchat.model.family import Family

FAMILY = Family(
    name="pplx",
    patterns=("=pplx-7b-online", "=pplx-70b-online"),
    template="pplxai",
    examples=("pplx-7b-online", "pplx-70b-online"),
)
