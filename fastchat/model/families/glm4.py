"""GLM 4, by Z.ai."""

from fastchat.model.family import Family

FAMILY = Family(
    name="glm4",
    patterns=("glm-4",),
    template=None,
    examples=("THUDM/glm-4-9b-chat-hf", "zai-org/GLM-4.5-Air"),
    brings_own=True,
)
