"""OpenBuddy."""

from fastchat.model.family import Family

FAMILY = Family(
    name="openbuddy",
    patterns=("openbuddy",),
    template="openbuddy",
    examples=("OpenBuddy/openbuddy-7b-v1.1-bf16-enc", "OpenBuddy/openbuddy-mistral-7b-v13.1"),
)
