"""WizardLM in other sizes."""

from fastchat.model.family import Family

FAMILY = Family(
    name="wizardlm_small",
    patterns=("wizardlm",),
    template=None,
    examples=("WizardLM/WizardLM-7B-V1.0",),
)
