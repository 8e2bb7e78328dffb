"""What an engine is asked and what it answers: the keystone that every floor stands on.

An engine turns one `GenerationRequest` into a stream of `Chunk`s. The stream ends in exactly one
way: a chunk with a `finish_reason`, or an exception from `core.errors`. Whoever stops reading
closes the iterator (`aclose`), and the engine stops working for it: within 250 ms while it decodes,
within one batch while it still reads the prompt.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from fastchat.core.chat import Audio, Image
from fastchat.core.chat import Chat as Chat
from fastchat.core.chat import Message as Message
from fastchat.core.constraints import Constraint, Grammar, JsonSchema, OneOf, Regex
from fastchat.core.errors import EngineFailed

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]

# What a request may need beyond plain text in and text out. An engine declares those it honours;
# a request that needs another is refused before it reaches the engine.
Feature = Literal[
    "chat",
    "token_prompt",
    "logprobs",
    "json_schema",
    "seed",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "logit_bias",
    "stop_token_ids",
    "continuation",
    "tools",  # it may call them
    "tool_choice",  # it can be made to call one
    "reasoning_effort",
    "vision",
    "audio",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "suffix",
    "echo_with_logprobs",
]


# Text is taken as it stands, token ids are taken as they are, a chat is rendered by the engine.
Prompt = str | tuple[int, ...] | Chat


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How the next token is chosen. The defaults change nothing; temperature 0 is greedy."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int | None = None
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationRequest:
    """One answer wanted.

    `max_tokens` None means as many as the context holds; 0, that only the prompt is looked at.
    `logprobs` is the number of alternatives wanted beside each chosen token (0: the chosen one
    only; None: none), `prompt_logprobs` the same beside each token of the prompt. `suffix` is what
    stands behind the text that is wanted. `continue_from` is the answer so far: the engine says,
    and counts, only what comes after it. `resumed` is the end of it that was said to this very
    request, by an engine that was lost: see `core.resuming`. `traceparent` is where a trace goes
    on, for a server of ours.
    """

    id: str
    model: str
    prompt: Prompt
    max_tokens: int | None = None
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    constraint: Constraint | None = None
    suffix: str | None = None
    continue_from: str = ""
    resumed: str | None = None
    traceparent: bytes | None = None


# More than any answer has. Sums of it stay what databases can hold.
MOST_TOKENS = 2**31 - 1


class Usage(NamedTuple):
    """Tokens so far. `cached_tokens` of the prompt were not computed again; `reasoning_tokens` are
    part of the answer's."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    @classmethod
    def told(cls, prompt: int, completion: int, cached: int = 0, reasoning: int = 0) -> "Usage":
        """By others, who may lie: no count gives a key tokens back, or outgrows what is written."""
        prompt, completion = _within(prompt, MOST_TOKENS), _within(completion, MOST_TOKENS)
        return cls(prompt, completion, _within(cached, prompt), _within(reasoning, completion))

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


NO_TOKENS = Usage()


def _within(count: int, most: int) -> int:
    return min(max(count, 0), most)


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenLogprob:
    """`raw` holds the token's own bytes: a token may be part of a character."""

    token: str
    raw: bytes
    logprob: float
    top: tuple["TokenLogprob", ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptToken:
    """A token of a prompt. The first follows nothing and has no log probability. `raw` is empty for
    what a tokenizer puts before a text."""

    token: str
    raw: bytes
    logprob: float | None = None
    top: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCallDelta:
    """A piece of call number `index` of an answer. The first piece has `id` and `name`."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """What is new since the chunk before, the usage so far, and at the very end why it ended. The
    prompt's log probabilities come once, before any text."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    usage: Usage = NO_TOKENS
    finish_reason: FinishReason | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    prompt_logprobs: tuple[PromptToken, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Embeddings:
    """One vector a text, in the order of the texts, each of length 1."""

    vectors: Sequence[Sequence[float]]
    prompt_tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """One score a document, in the order of the documents: the higher, the better it answers."""

    scores: Sequence[float]
    prompt_tokens: int


class Engine(Protocol):
    """Inference. `generate` may raise at once or while it is read; both are `PlatformError`s."""

    @property
    def model_names(self) -> Sequence[str]: ...

    @property
    def features(self) -> frozenset[Feature]: ...

    def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]: ...

    async def aclose(self) -> None: ...


# Abilities: an engine that lacks one simply does not have the method.


@runtime_checkable
class CountsTokens(Protocol):
    async def count_tokens(self, prompt: Prompt) -> int: ...


@runtime_checkable
class Tokenizes(Protocol):
    async def tokenize(self, text: str) -> Sequence[int]: ...

    async def detokenize(self, token_ids: Sequence[int]) -> str: ...


@runtime_checkable
class RendersChat(Protocol):
    async def render(self, chat: Chat) -> str:
        """The exact prompt that `generate` makes of this chat."""
        ...


@runtime_checkable
class ContextBound(Protocol):
    @property
    def context_length(self) -> int:
        """Tokens that one request may hold, prompt and answer together."""
        ...


@runtime_checkable
class Embeds(Protocol):
    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Raises `ContextOverflow` for a text that is too long: nothing is cut off in silence."""
        ...


@runtime_checkable
class Reranks(Protocol):
    async def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        """Raises `ContextOverflow` for a pair that is too long."""
        ...


@runtime_checkable
class Adapts(Protocol):
    """Adapters (LoRA) answer beside the model, each under a name of its own."""

    @property
    def adapters(self) -> Sequence[str]: ...

    async def add_adapter(self, name: str, source: str) -> None:
        """From a folder. Raises `InvalidRequest` when it does not fit, `Conflict` for a name that
        is taken."""
        ...

    async def remove_adapter(self, name: str) -> None:
        """What was asked before is answered whole. Raises `InvalidRequest` for an unknown name."""
        ...


def required_features(request: GenerationRequest) -> frozenset[Feature]:
    """What an engine must declare to be given this request."""
    sampling, constraint = request.sampling, request.constraint
    needs: dict[Feature, bool] = {
        "token_prompt": isinstance(request.prompt, tuple),
        "logprobs": request.logprobs is not None,
        "json_schema": isinstance(constraint, JsonSchema),
        "guided_regex": isinstance(constraint, Regex),
        "guided_choice": isinstance(constraint, OneOf),
        "guided_grammar": isinstance(constraint, Grammar),
        "seed": sampling.seed is not None,
        "top_k": sampling.top_k is not None,
        "min_p": sampling.min_p > 0,
        "presence_penalty": sampling.presence_penalty != 0,
        "frequency_penalty": sampling.frequency_penalty != 0,
        "repetition_penalty": sampling.repetition_penalty != 1,
        "logit_bias": bool(sampling.logit_bias),
        "stop_token_ids": bool(request.stop_token_ids),
        "continuation": bool(request.continue_from),
        "suffix": request.suffix is not None,
        "echo_with_logprobs": request.prompt_logprobs is not None,
    }
    if isinstance(request.prompt, Chat):
        needs |= _needs_of(request.prompt)
    return frozenset(name for name, needed in needs.items() if needed)


def _needs_of(chat: Chat) -> dict[Feature, bool]:
    return {
        "chat": True,
        "tools": chat.offers_tools or chat.speaks_of_tools,
        "tool_choice": chat.offers_tools and chat.must_call,
        "reasoning_effort": chat.reasoning_effort not in (None, "none"),
        "vision": any(message.has(Image) for message in chat.messages),
        "audio": any(message.has(Audio) for message in chat.messages),
    }


def joined(chunks: Sequence[Chunk]) -> Chunk:
    """Consecutive chunks of one answer as one chunk."""
    last = chunks[-1]
    return Chunk(
        text="".join(chunk.text for chunk in chunks),
        reasoning="".join(chunk.reasoning for chunk in chunks),
        tool_calls=_joined_calls([delta for chunk in chunks for delta in chunk.tool_calls]),
        usage=last.usage,
        finish_reason=last.finish_reason,
        logprobs=tuple(token for chunk in chunks for token in chunk.logprobs),
        prompt_logprobs=tuple(token for chunk in chunks for token in chunk.prompt_logprobs),
    )


def _joined_calls(deltas: Sequence[ToolCallDelta]) -> tuple[ToolCallDelta, ...]:
    calls: dict[int, ToolCallDelta] = {}
    for delta in deltas:
        before = calls.get(delta.index, ToolCallDelta(index=delta.index))
        calls[delta.index] = ToolCallDelta(
            index=delta.index,
            id=before.id or delta.id,
            name=before.name or delta.name,
            arguments=before.arguments + delta.arguments,
        )
    return tuple(calls.values())


async def collect(chunks: AsyncIterator[Chunk]) -> Chunk:
    """The whole answer as one chunk. Raises `EngineFailed` if the stream just stops."""
    seen: list[Chunk] = []
    async for chunk in chunks:
        seen.append(chunk)
        if chunk.finish_reason is not None:
            return joined(seen)
    raise EngineFailed("The engine stopped without saying why.")
