"""OpenLLaMA tuned on Open Instruct, by VMware."""

from fastchat.model.family import Family

FAMILY = Family(
    name="open_llama_instruct",
    patterns=("open-llama open-instruct",),
    template="alpaca",
    examples=("VMware/open-llama-7b-v2-open-instruct",),
)
