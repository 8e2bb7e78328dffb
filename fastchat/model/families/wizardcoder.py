"""WizardCoder."""

from fastchat.model.family import Family

FAMILY = Family(
    name="wizardcoder",
    patterns=("wizardcoder",),
    template="alpaca",
    examples=("WizardLM/WizardCoder-Python-34B-V1.0",),
)
