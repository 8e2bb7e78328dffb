"""StableVicuna, by CarperAI."""

from fastchat.model.family import Family

FAMILY = Family(
    name="stable_vicuna",
    patterns=("stable-vicuna",),
    template="stable-vicuna",
    examples=("TheBloke/stable-vicuna-13B-HF",),
)
