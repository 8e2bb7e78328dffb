"""ChatGLM2, by Tsinghua University."""

from fastchat.model.family import Family

FAMILY = Family(
    name="chatglm2",
    patterns=("chatglm2",),
    template="chatglm2",
    examples=("THUDM/chatglm2-6b", "THUDM/chatglm2-6b-32k"),
)
