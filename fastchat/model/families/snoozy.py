"""GPT4All Snoozy, by Nomic AI."""

from fastchat.model.family import Family

FAMILY = Family(
    name="snoozy",
    patterns=("gpt4all snoozy",),
    template="snoozy",
    examples=("nomic-ai/gpt4all-13b-snoozy",),
)
