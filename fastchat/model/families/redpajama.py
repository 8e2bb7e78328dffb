"""RedPajama-INCITE, by Together."""

from fastchat.model.family import Family

FAMILY = Family(
    name="redpajama",
    patterns=("redpajama-incite",),
    template="redpajama-incite",
    examples=("togethercomputer/RedPajama-INCITE-7B-Chat",),
)
