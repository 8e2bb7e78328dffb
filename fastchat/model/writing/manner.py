"""How one model writes, known from the source of its chat template."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastchat.core.chat import Chat
from fastchat.core.generation import GenerationRequest
from fastchat.model.writing.formats import Format, format_of
from fastchat.model.writing.grammar import Wanted, wanted_of
from fastchat.model.writing.reader import THINK, THOUGHT, Mode, Reader
from fastchat.model.writing.taught import taught

_END_OF_THOUGHT = f"\n{THOUGHT}\n\n"


def new_call_id() -> str:
    """Nine letters or digits: some templates take nothing else."""
    return secrets.token_hex(5)[:9]


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """`knows_tools`: the template has words for them; else they are put into the conversation."""

    format: Format
    thinks: bool
    knows_tools: bool
    new_id: Callable[[], str] = new_call_id

    @classmethod
    def of(cls, template: str) -> "Manner":
        """`template` is empty for a model that has none."""
        return cls(
            format=format_of(template), thinks=THOUGHT in template, knows_tools="tools" in template
        )

    def told(self, chat: Chat) -> Chat:
        """What the template is given."""
        return chat if self.knows_tools else taught(chat)

    def wanted(self, request: GenerationRequest, prompt: str | None) -> Wanted | None:
        """What the answer must look like: None for anything. `prompt` is the rendered chat."""
        chat = request.prompt if isinstance(request.prompt, Chat) else None
        thinking = chat is not None and self._is_thinking(prompt)
        return wanted_of(chat, request.constraint, self.format, thinking=thinking)

    def continued(self, prompt: str, answer: str) -> str:
        """The prompt with the answer so far behind it: reasoning is over by then."""
        return prompt + (_END_OF_THOUGHT if answer and self._is_thinking(prompt) else "") + answer

    def reader(self, request: GenerationRequest, prompt: str) -> Reader | None:
        """None when there is nothing but text to expect."""
        chat = request.prompt
        if not isinstance(chat, Chat) or not (chat.offers_tools or self.thinks):
            return None
        begun: Mode = "think" if self._is_thinking(prompt) else "start"
        return Reader(
            format=self.format,
            tools={tool.name: tool for tool in chat.tools} if chat.offers_tools else {},
            thinks=self.thinks,
            parallel=chat.parallel_tool_calls,
            new_id=self.new_id,
            mode="text" if request.continue_from else begun,
        )

    @property
    def every_mark(self) -> Sequence[str]:
        return (*self.format.marks, *((THINK, THOUGHT) if self.thinks else ()))

    def marks(self, request: GenerationRequest) -> Sequence[str]:
        """What has to be shown even where the vocabulary keeps it for special tokens."""
        chat = request.prompt
        calls = self.format.marks if isinstance(chat, Chat) and chat.offers_tools else ()
        return (*calls, *((THINK, THOUGHT) if self.thinks else ()))

    def _is_thinking(self, prompt: str | None) -> bool:
        return self.thinks and prompt is not None and prompt.rstrip().endswith(THINK)
