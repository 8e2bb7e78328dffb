"""Generations as OpenAI answers, whole and streamed: one class an endpoint."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from msgspec import UNSET, UnsetType

from fastchat.core.generation import Chunk, PromptToken, TokenLogprob, Usage
from fastchat.protocol.codec import encode
from fastchat.protocol.openai.answers import (
    ChatChoice,
    ChatChunk,
    ChatChunkChoice,
    ChatCompletion,
    ChatLogprob,
    ChatLogprobs,
    CompletionTokensDetails,
    CompletionUsage,
    Delta,
    PromptTokensDetails,
    TextChoice,
    TextCompletion,
    TopLogprob,
)
from fastchat.protocol.openai.calls import answer_message, call_delta, finish_reason
from fastchat.protocol.openai.logprobs import text_logprobs


class Renderer(Protocol):
    """`index` numbers the choices; `usage` None stands for the null of a stream with usage."""

    def opening(self, index: int) -> bytes | None: ...

    def piece(self, index: int, chunk: Chunk) -> bytes: ...

    def closing(self, usage: CompletionUsage) -> bytes: ...

    def whole(self, choices: Sequence[Chunk], usage: CompletionUsage) -> bytes: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatRenderer:
    """`functions`: for clients that know calls of functions only, one an answer."""

    id: str
    created: int
    model: str
    include_usage: bool
    functions: bool = False

    def opening(self, index: int) -> bytes:
        choice = ChatChunkChoice(index=index, delta=Delta(role="assistant", content=""))
        return self._event([choice])

    def piece(self, index: int, chunk: Chunk) -> bytes:
        """What is new, and after it the reason in a chunk of its own, as clients expect."""
        said = b"".join(
            self._event([ChatChunkChoice(index=index, delta=delta, logprobs=logprobs)])
            for delta, logprobs in self._deltas(chunk)
        )
        if chunk.finish_reason is None:
            return said
        reason = finish_reason(chunk, functions=self.functions)
        last = ChatChunkChoice(index=index, delta=Delta(), finish_reason=reason)
        return said + self._event([last])

    def _deltas(self, chunk: Chunk) -> Iterator[tuple[Delta, ChatLogprobs | None]]:
        if chunk.reasoning:
            yield Delta(reasoning_content=chunk.reasoning, reasoning=chunk.reasoning), None
        if chunk.text or chunk.logprobs:
            yield Delta(content=chunk.text), _chat_logprobs(chunk.logprobs)
        if chunk.tool_calls:
            yield call_delta(chunk.tool_calls, functions=self.functions), None

    def closing(self, usage: CompletionUsage) -> bytes:
        return self._event([], usage)

    def whole(self, choices: Sequence[Chunk], usage: CompletionUsage) -> bytes:
        answer = ChatCompletion(
            id=self.id,
            created=self.created,
            model=self.model,
            choices=[
                ChatChoice(
                    index=index,
                    message=answer_message(chunk, functions=self.functions),
                    logprobs=_chat_logprobs(chunk.logprobs),
                    finish_reason=finish_reason(chunk, functions=self.functions),
                )
                for index, chunk in enumerate(choices)
            ],
            usage=usage,
        )
        return encode(answer)

    def _event(self, choices: list[ChatChunkChoice], usage: CompletionUsage | None = None) -> bytes:
        chunk = ChatChunk(
            id=self.id,
            created=self.created,
            model=self.model,
            choices=choices,
            usage=usage if self.include_usage else UNSET,
        )
        return event(chunk)


@dataclass(slots=True)
class TextRenderer:
    """Text offsets count from the start of each choice's text, so it keeps how far each one is."""

    id: str
    created: int
    model: str
    include_usage: bool
    echoes: Sequence[str | None]  # what each choice begins with; None: the text of its tokens
    offsets: dict[int, int]
    scored: bool = False  # what it begins with comes with its log probabilities

    def opening(self, index: int) -> bytes | None:
        echo = self.echoes[index]
        if not echo or self.scored:
            return None
        return self._event([TextChoice(index=index, text=echo)])

    def piece(self, index: int, chunk: Chunk) -> bytes:
        if chunk.prompt_logprobs:
            rest = replace(chunk, prompt_logprobs=())
            piece = self.piece(index, rest) if rest.text or rest.finish_reason else b""
            return self._prompt(index, chunk.prompt_logprobs) + piece
        offset = self.offsets.get(index, len(self.echoes[index] or ""))
        self.offsets[index] = offset + len(chunk.text)
        choice = TextChoice(
            index=index,
            text=chunk.text,
            logprobs=text_logprobs(chunk.logprobs, offset),
            finish_reason=chunk.finish_reason,
        )
        return self._event([choice])

    def closing(self, usage: CompletionUsage) -> bytes:
        return self._event([], usage)

    def whole(self, choices: Sequence[Chunk], usage: CompletionUsage) -> bytes:
        return encode(
            self._answer([self._choice(index, one) for index, one in enumerate(choices)], usage)
        )

    def _choice(self, index: int, chunk: Chunk) -> TextChoice:
        told = chunk.prompt_logprobs
        echo = self._echo(index, told)
        return TextChoice(
            index=index,
            text=echo + chunk.text,
            logprobs=text_logprobs((*told, *chunk.logprobs), 0 if told else len(echo)),
            finish_reason=chunk.finish_reason,
        )

    def _prompt(self, index: int, told: Sequence[PromptToken]) -> bytes:
        text = self._echo(index, told)
        self.offsets[index] = len(text)
        return self._event([TextChoice(index=index, text=text, logprobs=text_logprobs(told, 0))])

    def _echo(self, index: int, told: Sequence[PromptToken]) -> str:
        text = self.echoes[index]
        if text is not None:
            return text
        return b"".join(token.raw for token in told).decode(errors="replace")

    def _event(self, choices: list[TextChoice], usage: CompletionUsage | None = None) -> bytes:
        return event(self._answer(choices, usage if self.include_usage else UNSET))

    def _answer(
        self, choices: list[TextChoice], usage: CompletionUsage | UnsetType | None
    ) -> TextCompletion:
        return TextCompletion(
            id=self.id, created=self.created, model=self.model, choices=choices, usage=usage
        )


def event(message: object) -> bytes:
    return b"data: " + encode(message) + b"\n\n"


def total_usage(usages: Sequence[Usage]) -> CompletionUsage:
    """Summed over the choices, each with its prompt, as 0.2.36 did."""
    prompt = sum(usage.prompt_tokens for usage in usages)
    completion = sum(usage.completion_tokens for usage in usages)
    cached = sum(usage.cached_tokens for usage in usages)
    reasoning = sum(usage.reasoning_tokens for usage in usages)
    return CompletionUsage(
        prompt_tokens=prompt,
        total_tokens=prompt + completion,
        completion_tokens=completion,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=cached),
        completion_tokens_details=CompletionTokensDetails(reasoning_tokens=reasoning)
        if reasoning
        else UNSET,
    )


def _chat_logprobs(logprobs: Sequence[TokenLogprob]) -> ChatLogprobs | None:
    if not logprobs:
        return None
    return ChatLogprobs(
        content=[
            ChatLogprob(
                token=token.token,
                logprob=token.logprob,
                bytes=list(token.raw),
                top_logprobs=[
                    TopLogprob(token=top.token, logprob=top.logprob, bytes=list(top.raw))
                    for top in token.top
                ],
            )
            for token in logprobs
        ]
    )
