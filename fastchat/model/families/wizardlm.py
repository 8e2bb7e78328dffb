"""WizardLM in the large sizes."""

from fastchat.model.family import Family

FAMILY = Family(
    name="wizardlm",
    patterns=("wizardlm 13b", "wizardlm 30b", "wizardlm 70b"),
    template="vicuna_v1.1",
    examples=("WizardLM/WizardLM-13B-V1.2", "WizardLM/WizardLM-70B-V1.0"),
)
