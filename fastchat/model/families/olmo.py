"""OLMo, by the Allen Institute."""

from fastchat.model.family import Family

FAMILY = Family(
    name="olmo",
    patterns=("olmo",),
    template=None,
    examples=("allenai/OLMo-2-1124-7B-Instruct",),
    brings_own=True,
)
