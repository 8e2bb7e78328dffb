"""OpenChat 3.5, and Starling, which was tuned from it."""

from fastchat.model.family import Family

FAMILY = Family(
    name="openchat",
    patterns=("openchat 3.5", "starling-lm"),
    template="openchat_3.5",
    examples=("openchat/openchat_3.5", "berkeley-nest/Starling-LM-7B-alpha"),
)
