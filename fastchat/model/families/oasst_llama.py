"""OpenAssistant on LLaMA."""

from fastchat.model.family import Family

# An h2oGPT with "oasst" in its name belongs here, as FastChat 0.2.36 decided.
FAMILY = Family(
    name="oasst_llama",
    patterns=("oasst", "openassistant-sft-7-llama-30b-hf", "oasst h2ogpt"),
    template="oasst_llama",
    examples=(
        "OpenAssistant/oasst-sft-7-llama-30b",
        "TheBloke/OpenAssistant-SFT-7-Llama-30B-HF",
        "h2oai/h2ogpt-gm-oasst1-en-2048-open-llama-7b",
    ),
)
