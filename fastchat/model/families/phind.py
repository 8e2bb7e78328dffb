"""CodeLlama tuned by Phind."""

from fastchat.model.family import Family

FAMILY = Family(
    name="phind",
    patterns=("phind-codellama-",),
    template="phind",
    examples=("Phind/Phind-CodeLlama-34B-v2",),
)
