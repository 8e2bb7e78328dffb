"""Whether an answer gives away who wrote it. Such a battle was not blind, so its vote is void.

That a question is about a company is no leak: only a model that speaks of itself, or one of the
two names in this battle, is.
"""

import re
from collections.abc import Iterable

_MAKERS = (
    r"open\s?ai|anthropic|google(?:\s+deepmind)?|deepmind|meta(?:\s+ai)?|microsoft|mistral(?:\s+ai)?"
    r"|alibaba(?:\s+cloud)?|qwen|deepseek|x\.?ai|cohere|nvidia|baidu|tencent|zhipu(?:\s*ai)?|moonshot"
    r"(?:\s+ai)?|01\.ai|lmsys|hugging\s?face|ibm|databricks|stability(?:\s+ai)?|tsinghua|baichuan"
)
_MODELS = (
    r"chat\s?gpt|gpt-?\d[\w.-]*|claude|gemini|bard|palm|llama|vicuna|alpaca|koala|mistral|mixtral"
    r"|qwen|chatglm|glm-?\d[\w.-]*|deepseek|grok|command[ -]r|phi-?\d[\w.-]*|gemma|smollm|falcon"
    r"|baichuan|yi-\d+b|longchat|dolly|wizardlm|zephyr|kimi|nemotron|granite"
)
_BY = r"(?:trained|created|developed|made|built)\s+by\s+(?:the\s+)?"
_AT = r"(?:team\s+at\s+|researchers\s+(?:at|from)\s+)?"
_SELF = re.compile(
    rf"\b(?:i\s?['\u2019]?a?m|i\s+am|my\s+name\s+is|call\s+me|as)\s+"
    rf"(?:called\s+|named\s+|known\s+as\s+)?(?:an?\s+)?(?:the\s+)?(?:{_MODELS})\b"
    rf"|\bi\b[^.!?\n]{{0,80}}?\b{_BY}{_AT}(?:{_MAKERS})\b"
    rf"|\b(?:language|ai)\s+(?:model|assistant)[^.!?\n]{{0,40}}?\b(?:by|from)\s+(?:{_MAKERS})\b",
    re.IGNORECASE,
)
# The same in Chinese: "I am NAME", "I was made by MAKER".
_SELF_ZH = re.compile(
    rf"我(?:是|叫)[^\uff01\uff1f。\n]{{0,12}}?(?:{_MODELS}|通义千问|文心一言|智谱清言|百川|豆包)"
    rf"|我[^\uff01\uff1f。\n]{{0,12}}?(?:{_MAKERS}|阿里|百度|智谱|清华|腾讯)"
    rf"[^\uff01\uff1f。\n]{{0,12}}?(?:开发|训练|创建|研发)",
    re.IGNORECASE,
)
# Shorter names ("yi", "m") are words of some language.
_LEAST_NAME = 5


def names_itself(answer: str, models: Iterable[str]) -> bool:
    """`models` are the two that fight."""
    if _SELF.search(answer) or _SELF_ZH.search(answer):
        return True
    said = answer.casefold()
    return any(_has_word(said, name.casefold()) for name in models if len(name) >= _LEAST_NAME)


def _has_word(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None
