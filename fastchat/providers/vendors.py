"""Who serves models, where, and what is different with them: one row each.

The names are those of `api_type`: all that FastChat ever had, and what came since.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from fastchat.core.generation import Feature

# How the key is shown: in Authorization, or in a header of the vendor's own.
KeyHeader = Literal["authorization", "api-key", "x-api-key", "x-goog-api-key"]


def _set(*names: Feature) -> frozenset[Feature]:
    return frozenset(names)


_PENALTIES = _set("presence_penalty", "frequency_penalty")
_COMMON = _set("chat", "json_schema", "seed", "tools", "tool_choice", "vision")
_EFFORT = _set("reasoning_effort")
_SEED = _set("seed")
_OPENAI_FEATURES = _COMMON | _PENALTIES | _EFFORT | _set("logprobs", "logit_bias", "audio")
# What servers of open models take beside OpenAI's own.
_OPEN = (
    _COMMON | _PENALTIES | _set("logprobs", "logit_bias", "top_k", "min_p", "repetition_penalty")
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Completions:
    """Where a plain text is gone on with, and what may be asked beside it."""

    path: str = "/completions"
    features: frozenset[Feature] = frozenset()


_OF_CHATS = _set("chat", "tools", "tool_choice", "vision", "audio", "reasoning_effort")
_OPENAI_COMPLETIONS = Completions(
    features=_PENALTIES | _set("seed", "logprobs", "logit_bias", "suffix", "token_prompt")
)
_OPEN_COMPLETIONS = Completions(features=_OPEN - _OF_CHATS | _set("suffix", "token_prompt"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Vendor:
    """`provider` is the adapter. `environment` names the variable of the key when an entry has
    none; `needs_key` when it is of no use without. `max_tokens` is what the vendor calls it.
    `path` goes behind the base; it may hold `{model}`. `completions` None: chats only."""

    provider: str
    base: str | None = None
    environment: str | None = None
    needs_key: bool = True
    key_header: KeyHeader = "authorization"
    path: str = "/chat/completions"
    completions: Completions | None = None
    query: str = ""
    max_tokens: str = "max_tokens"
    features: frozenset[Feature] = _OPEN
    streams: bool = True
    asks_usage: bool = True
    # Models that choose their own sampling and refuse to be told.
    fixed_sampling: re.Pattern[str] | None = None
    # Some accept one system message only, some none.
    developer_role: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    gone: str | None = None

    @property
    def all_features(self) -> frozenset[Feature]:
        """Of chats and of plain completions."""
        return (
            self.features if self.completions is None else self.features | self.completions.features
        )

    @property
    def abilities(self) -> tuple[str, ...]:
        """What its models can do, in the words in which clients are told."""
        plain = () if self.completions is None else ("completions",)
        return tuple(sorted({*self.all_features, *plain}))


_ALWAYS = re.compile("")

_OPENAI = Vendor(
    provider="openai",
    base="https://api.openai.com/v1",
    environment="OPENAI_API_KEY",
    max_tokens="max_completion_tokens",
    features=_OPENAI_FEATURES,
    completions=_OPENAI_COMPLETIONS,
    fixed_sampling=re.compile(r"^(o\d|gpt-5)"),
    developer_role=True,
)
_ANTHROPIC = Vendor(
    provider="anthropic",
    base="https://api.anthropic.com",
    environment="ANTHROPIC_API_KEY",
    key_header="x-api-key",
    path="/v1/messages",
    features=_EFFORT | _set("chat", "tools", "tool_choice", "vision", "top_k", "json_schema"),
    headers={"anthropic-version": "2023-06-01"},
)
_GEMINI = Vendor(
    provider="gemini",
    base="https://generativelanguage.googleapis.com/v1beta",
    environment="GEMINI_API_KEY",
    key_header="x-goog-api-key",
    path="/models/{model}:streamGenerateContent",
    query="alt=sse",
    features=_COMMON | _PENALTIES | _EFFORT | _set("top_k", "audio"),
)


def _like_openai(
    base: str, environment: str, features: frozenset[Feature] = _OPEN, *, needs_key: bool = True
) -> Vendor:
    return Vendor(
        provider="openai",
        base=base,
        environment=environment,
        features=features,
        needs_key=needs_key,
    )


def _gone(said: str) -> Vendor:
    return Vendor(provider="gone", needs_key=False, gone=said)


VENDORS: Mapping[str, Vendor] = {
    "openai": _OPENAI,
    "openai_o1": replace(_OPENAI, fixed_sampling=_ALWAYS, completions=None),
    "openai_no_stream": replace(_OPENAI, streams=False),
    "openai_responses": replace(
        _OPENAI,
        provider="openai_responses",
        path="/responses",
        completions=None,
        features=_COMMON - _SEED | _EFFORT,
    ),
    "azure": replace(
        _OPENAI,
        base=None,
        environment="AZURE_OPENAI_API_KEY",
        key_header="api-key",
        path="/openai/deployments/{model}/chat/completions",
        completions=replace(_OPENAI_COMPLETIONS, path="/openai/deployments/{model}/completions"),
        query="api-version=2024-10-21",
    ),
    # Any server of the dialect: our own, vLLM, SGLang, llama.cpp, LM Studio, ….
    "openai_compatible": Vendor(
        provider="openai",
        needs_key=False,
        features=_OPEN | _EFFORT,
        completions=_OPEN_COMPLETIONS,
    ),
    "anthropic": _ANTHROPIC,
    "anthropic_message": _ANTHROPIC,
    "anthropic_message_vertex": replace(
        _ANTHROPIC,
        features=_ANTHROPIC.features - _set("json_schema"),
        base=None,
        environment="VERTEX_ACCESS_TOKEN",
        key_header="authorization",
        path="/publishers/anthropic/models/{model}:streamRawPredict",
        headers={},
    ),
    "gemini": _GEMINI,
    "gemini_no_stream": replace(_GEMINI, path="/models/{model}:generateContent", query=""),
    "vertex": replace(
        _GEMINI,
        base=None,
        environment="VERTEX_ACCESS_TOKEN",
        key_header="authorization",
        path="/publishers/google/models/{model}:streamGenerateContent",
    ),
    "mistral": replace(
        _like_openai("https://api.mistral.ai/v1", "MISTRAL_API_KEY", _COMMON - _SEED | _PENALTIES),
        completions=Completions(path="/fim/completions", features=_set("suffix")),
        asks_usage=False,  # it refuses the option, and tells the counts anyhow
    ),
    "deepseek": replace(
        _like_openai(
            "https://api.deepseek.com/v1",
            "DEEPSEEK_API_KEY",
            _PENALTIES | _set("chat", "tools", "tool_choice", "logprobs"),
        ),
        completions=Completions(
            path="/beta/completions", features=_PENALTIES | _set("suffix", "logprobs")
        ),
    ),
    "groq": replace(
        _like_openai("https://api.groq.com/openai/v1", "GROQ_API_KEY", _COMMON | _EFFORT),
        max_tokens="max_completion_tokens",
    ),
    "together": replace(
        _like_openai("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
        completions=Completions(features=_OPEN - _OF_CHATS),
    ),
    "fireworks": replace(
        _like_openai("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
        completions=Completions(features=_OPEN - _OF_CHATS | _set("token_prompt")),
    ),
    "xai": _like_openai("https://api.x.ai/v1", "XAI_API_KEY", _COMMON | _EFFORT | _set("logprobs")),
    "openrouter": replace(
        _like_openai(
            "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", _OPEN | _EFFORT | _set("audio")
        ),
        completions=Completions(features=_OPEN - _OF_CHATS),
    ),
    "ollama": replace(
        _like_openai(
            "http://127.0.0.1:11434/v1",
            "OLLAMA_API_KEY",
            _COMMON - _set("tool_choice") | _PENALTIES,
            needs_key=False,
        ),
        completions=Completions(features=_PENALTIES | _set("seed", "suffix")),
    ),
    "moonshot": _like_openai(
        "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", _COMMON - _SEED | _PENALTIES
    ),
    "zhipu": _like_openai(
        "https://open.bigmodel.cn/api/paas/v4",
        "ZHIPUAI_API_KEY",
        _set("chat", "tools", "tool_choice", "vision"),
    ),
    "dashscope": replace(
        _like_openai(
            "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "DASHSCOPE_API_KEY",
            _COMMON | _set("presence_penalty", "top_k"),
        ),
        completions=Completions(features=_set("seed", "presence_penalty")),
    ),
    "nvidia": _like_openai("https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
    "cohere": _like_openai(
        "https://api.cohere.ai/compatibility/v1",
        "COHERE_API_KEY",
        _COMMON - _set("vision") | _PENALTIES,
    ),
    "reka": _like_openai("https://api.reka.ai/v1", "REKA_API_KEY", _COMMON),
    "yandexgpt": _like_openai(
        "https://llm.api.cloud.yandex.net/v1", "YANDEXGPT_API_KEY", _COMMON - _set("vision")
    ),
    # Services of one house each, which speak OpenAI's dialect at an address that the entry names.
    "column": Vendor(provider="openai", needs_key=False),
    "p2l": Vendor(provider="openai", needs_key=False),
    "openai_assistant": _gone(
        "OpenAI has ended its Assistants API; api_type openai_responses reaches the same models"
    ),
    "bard": _gone("Google has ended the PaLM API of Bard; api_type gemini reaches what came after"),
    "ai2": _gone("AI2 has ended this service; its models are open: serve them with model_worker"),
    "metagen": _gone("Meta has ended this service; its models are open: serve them here"),
}
