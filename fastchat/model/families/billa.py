"""BiLLa, a bilingual LLaMA."""

from fastchat.model.family import Family

FAMILY = Family(
    name="billa",
    patterns=("billa",),
    template="billa",
    examples=("Neutralzz/BiLLa-7B-SFT",),
)
