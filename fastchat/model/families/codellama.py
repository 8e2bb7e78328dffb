"""Code Llama, by Meta."""

from fastchat.model.family import Family

FAMILY = Family(
    name="codellama",
    patterns=("codellama",),
    template="llama-2",
    examples=("codellama/CodeLlama-7b-Instruct-hf",),
    is_base=True,
)
