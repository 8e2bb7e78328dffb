"""Alpaca, by Stanford, and what was tuned in its format."""

from fastchat.model.family import Family

# Chinese-Alpaca belongs here too: FastChat 0.2.36 asked Alpaca first, so the rule that led to the
# template "chinese-alpaca2" never answered. `--conv-template` names it.
FAMILY = Family(
    name="alpaca",
    patterns=("alpaca",),
    template="alpaca",
    examples=(
        "alpaca-13b",
        "chavinlo/alpaca-native",
        "Chinese-Alpaca-2-13B",
        "hfl/chinese-alpaca-2-13b",
    ),
)
