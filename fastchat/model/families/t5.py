"""Models on T5: FLAN, FastChat-T5 and CodeT5+."""

from fastchat.model.family import Family

FAMILY = Family(
    name="t5",
    patterns=("flan-", "fastchat-t5", "codet5p"),
    template=None,
    examples=("lmsys/fastchat-t5-3b-v1.0", "google/flan-t5-xxl", "Salesforce/codet5p-6b"),
)
