"""InternLM, by the Shanghai AI Laboratory."""

from fastchat.model.family import Family

FAMILY = Family(
    name="internlm",
    patterns=("internlm",),
    template="internlm-chat",
    examples=("internlm/internlm-chat-7b", "internlm/internlm-chat-7b-8k"),
    is_base=True,
)
