"""The models behind ChatGPT in its first year."""

from fastchat.model.family import Family

FAMILY = Family(
    name="chatgpt",
    patterns=(
        "=gpt-3.5-turbo",
        "=gpt-3.5-turbo-0301",
        "=gpt-3.5-turbo-0613",
        "=gpt-3.5-turbo-1106",
        "=gpt-3.5-turbo-0125",
        "=gpt-4",
        "=gpt-4-0314",
        "=gpt-4-0613",
        "=gpt-4-turbo",
        "=gpt-4-1106-preview",
        "=gpt-4-0125-preview",
        "=azure-gpt-35-turbo",
        "=azure-gpt-4",
    ),
    template="chatgpt",
    examples=("gpt-3.5-turbo", "gpt-4-turbo", "azure-gpt-4"),
)
