"""LLaVA: language and vision."""

from fastchat.model.family import Family

# A LLaVA speaks as the language model inside it does, where its name says which.
FAMILY = Family(
    name="llava",
    patterns=("llava",),
    template="vicuna_v1.1",
    examples=("liuhaotian/llava-v1.5-13b", "liuhaotian/llava-v1.6-34b"),
    is_base=True,
)
