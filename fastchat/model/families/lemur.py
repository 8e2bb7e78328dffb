"""Lemur."""

from fastchat.model.family import Family

FAMILY = Family(
    name="lemur",
    patterns=("lemur-70b-chat",),
    template="lemur-70b-chat",
    examples=("OpenLemur/lemur-70b-chat-v1",),
)
