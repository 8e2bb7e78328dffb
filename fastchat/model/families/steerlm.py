"""SteerLM, by NVIDIA."""

from fastchat.model.family import Family

FAMILY = Family(
    name="steerlm",
    patterns=("steerlm-chat",),
    template="steerlm",
    examples=("nvidia/Llama2-70B-SteerLM-Chat",),
)
