"""Messages with the whole text so far, as chunks with what is new. Pure."""

from dataclasses import dataclass, field

from fastchat.core.errors import EngineFailed
from fastchat.core.generation import Chunk, FinishReason, TokenLogprob, Usage
from fastchat.protocol.openai.answers import CompletionLogprobs
from fastchat.protocol.wire import StreamMessage, told

# What a tokenizer shows for the first bytes of a character that is not complete yet.
UNFINISHED = "\ufffd"

# Messages, tokens by its own account: what a worker may be beyond its limit. Some count otherwise
# than others, and some say the same twice.
MARGIN = 64

# In characters, and more than that: the longest are blanks.
LONGEST_TOKEN = 1024


@dataclass(slots=True)
class WholeText:
    """`max_new_tokens` is what the worker was allowed."""

    max_new_tokens: int
    _said: str = ""
    _messages: int = 0
    _tokens: int = 0
    _usage: Usage = field(default_factory=Usage)
    _last: StreamMessage | None = None

    def read(self, message: StreamMessage) -> Chunk:
        """Raises the `PlatformError` that the message tells of."""
        if message.error_code:
            raise told(message.text, message.error_code)
        self._last = message
        finish = _reason(message.finish_reason)
        text = message.text if finish else message.text.rstrip(UNFINISHED)
        fresh = self._fresh(text)
        self._usage = self._counted(message, finish)
        self._check_length()
        return Chunk(
            text=fresh,
            usage=self._usage,
            finish_reason=finish,
            logprobs=self._new_logprobs(message.logprobs),
        )

    def end(self) -> Chunk:
        """The stream ended without a reason, as those of some workers always do."""
        if self._last is None:
            raise EngineFailed("The worker ended its stream before it said anything.")
        full = self._usage.completion_tokens >= self.max_new_tokens
        return Chunk(
            text=self._fresh(self._last.text),
            usage=self._usage,
            finish_reason="length" if full else "stop",
        )

    def _fresh(self, text: str) -> str:
        """What comes after the text so far. Raises `EngineFailed` when this is another text: what
        was shown cannot be taken back."""
        if text.startswith(self._said):
            fresh = text[len(self._said) :]
        else:
            fresh = _after(self._said, text)
            if not fresh and len(text) < len(self._said):
                return ""  # blanks at its end, which may come again
        self._said = text
        return fresh

    def _check_length(self) -> None:
        """A worker that does not end has to be left. Raises `EngineFailed`."""
        self._messages += 1
        most = self.max_new_tokens + MARGIN
        if (
            max(self._messages, self._usage.completion_tokens) > most
            or len(self._said) > most * LONGEST_TOKEN
        ):
            raise EngineFailed(
                f"The worker did not end its answer after {self.max_new_tokens} tokens."
            )

    def _counted(self, message: StreamMessage, finish: FinishReason | None) -> Usage:
        if message.usage is None:
            return self._usage
        completion = message.usage.completion_tokens
        if finish == "length":
            # model_worker 0.2.36 counts one too few when the limit ends an answer.
            completion = max(completion, self.max_new_tokens)
        return Usage.told(message.usage.prompt_tokens, completion)

    def _new_logprobs(self, found: CompletionLogprobs | None) -> tuple[TokenLogprob, ...]:
        if found is None:
            return ()
        pairs = list(zip(found.tokens, found.token_logprobs, strict=False))
        fresh, self._tokens = pairs[self._tokens :], max(self._tokens, len(pairs))
        return tuple(
            TokenLogprob(token=token, raw=token.encode(), logprob=logprob)
            for token, logprob in fresh
            if logprob is not None
        )


def _after(said: str, text: str) -> str:
    """What follows in `text` where it differs from `said` in blanks only: tokenizers of that time
    clean them up when the next token has come. Raises `EngineFailed`."""
    at = 0
    for letter in "".join(said.split()):
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text) or text[at] != letter:
            raise EngineFailed("The worker changed a text that it had sent already.")
        at += 1
    rest = text[at:]
    return rest if rest.strip() else ""


def _reason(said: str | None) -> FinishReason | None:
    match said:
        case None | "length":
            return said
        case "stop" | "eos_token" | "stop_sequence":  # the latter are Hugging Face's words
            return "stop"
    raise EngineFailed(f"The worker ended the answer: {said}.")
