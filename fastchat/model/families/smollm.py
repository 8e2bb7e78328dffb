"""SmolLM, by Hugging Face."""

from fastchat.model.family import Family

FAMILY = Family(
    name="smollm",
    patterns=("smollm",),
    template=None,
    examples=("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2-135m-instruct"),
    brings_own=True,
)
