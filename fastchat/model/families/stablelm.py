"""StableLM, by Stability AI."""

from fastchat.model.family import Family

FAMILY = Family(
    name="stablelm",
    patterns=("stablelm",),
    template="stablelm",
    examples=("StabilityAI/stablelm-tuned-alpha-7b", "stabilityai/stablelm-zephyr-3b"),
)
