"""OpenAssistant on Pythia."""

from fastchat.model.family import Family

FAMILY = Family(
    name="oasst_pythia",
    patterns=("oasst pythia",),
    template="oasst_pythia",
    examples=("OpenAssistant/oasst-sft-4-pythia-12b-epoch-3.5",),
)
