"""ChangGPT, in Korean, on Polyglot and on Llama 2."""

from fastchat.model.family import Family

FAMILY = Family(
    name="changgpt",
    patterns=("polyglot chang", "llama2-ko-chang"),
    template="polyglot_changgpt",
    examples=("lcw99/polyglot-ko-12.8b-chang-instruct-chat", "lcw99/llama2-ko-chang-instruct-chat"),
)
