"""h2oGPT, by H2O.ai."""

from fastchat.model.family import Family

FAMILY = Family(
    name="h2ogpt",
    patterns=("h2ogpt",),
    template="h2ogpt",
    examples=("h2oai/h2ogpt-4096-llama2-70b-chat",),
)
