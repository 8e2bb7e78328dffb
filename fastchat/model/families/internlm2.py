"""InternLM 2 and 3, by the Shanghai AI Laboratory."""

from fastchat.model.family import Family

FAMILY = Family(
    name="internlm2",
    patterns=("internlm2", "internlm3"),
    template="internlm-chat",
    examples=("internlm/internlm2-chat-7b", "internlm/internlm3-8b-instruct"),
    is_base=True,
    brings_own=True,
)
