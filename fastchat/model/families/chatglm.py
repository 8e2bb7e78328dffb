"""ChatGLM, by Tsinghua University."""

from fastchat.model.family import Family

FAMILY = Family(
    name="chatglm",
    patterns=("chatglm",),
    template="chatglm",
    examples=("THUDM/chatglm-6b",),
)
