"""ChatGLM3, by Tsinghua University."""

from fastchat.model.family import Family

FAMILY = Family(
    name="chatglm3",
    patterns=("chatglm3",),
    template="chatglm3",
    examples=("THUDM/chatglm3-6b",),
    brings_own=True,
)
