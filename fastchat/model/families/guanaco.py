"""Guanaco, by the University of Washington."""

from fastchat.model.family import Family

FAMILY = Family(
    name="guanaco",
    patterns=("guanaco",),
    template="zero_shot",
    examples=("timdettmers/guanaco-33b-merged",),
)
