"""Ask, answer, ask again."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from fastchat.core.errors import ContextOverflow, PlatformError
from fastchat.core.generation import GenerationRequest
from fastchat.terminal.chat.commands import COMMANDS, Talk, split
from fastchat.terminal.chat.interruption import Interrupted, Interruption


@dataclass
class _Answer:
    """What was said so far, whatever ends it."""

    text: str = ""
    tokens: int = 0
    whole: bool = False


@dataclass(frozen=True, kw_only=True)
class ChatLoop:
    """`history` off: every question begins a new conversation. `debug` shows each prompt."""

    talk: Talk
    clock: Callable[[], float]
    interruption: Interruption = field(default_factory=Interruption)
    history: bool = True
    debug: bool = False

    async def run(self) -> None:
        """Until the user leaves."""
        try:
            while True:
                await self._turn()
        except (EOFError, Interrupted):
            self.talk.style.say("exit...")

    async def _turn(self) -> None:
        if not self.history:
            self.talk.conversation = self.talk.partner.new_conversation()
        role = self.talk.conversation.roles[0]
        line = await self.interruption.unless_pressed(self.talk.style.ask(role))
        if not line:
            raise EOFError
        word, rest = split(line)
        question = COMMANDS[word].act(self.talk, rest.strip()) if word else line
        if question is not None:
            await self._answer(question)

    async def _answer(self, question: str) -> None:
        conversation = self.talk.conversation
        conversation.append_message(conversation.roles[0], question)
        answer = _Answer()
        started = self.clock()
        try:
            request = self.talk.partner.request(conversation)
            pieces = self._pieces(request, answer)
            async with aclosing(pieces):
                await self.interruption.unless_pressed(
                    self.talk.style.stream(conversation.roles[1], pieces)
                )
        except Interrupted:
            self.talk.style.say("stopped generation.")
        except PlatformError as error:
            self.talk.style.say(f"error: {error.message}{_remedy(error)}")
        if not answer.whole and not answer.text.strip():
            self.talk.take_back(0)  # there is nothing to go on from
            return
        conversation.append_message(conversation.roles[1], answer.text.strip())
        if self.debug:
            await self._report(request, answer, self.clock() - started)

    async def _pieces(
        self, request: GenerationRequest, answer: _Answer
    ) -> AsyncGenerator[str, None]:
        async with aclosing(self.talk.partner.answer(request)) as chunks:
            async for chunk in chunks:
                answer.text += chunk.text
                answer.tokens = chunk.usage.completion_tokens
                answer.whole = chunk.finish_reason is not None
                yield chunk.text

    async def _report(self, request: GenerationRequest, answer: _Answer, took_s: float) -> None:
        shown = {
            "conv_template": self.talk.conversation.name if self.talk.partner.template else None,
            "prompt": await self.talk.partner.prompt(request),
            "outputs": answer.text.strip(),
            "speed (token/s)": round(answer.tokens / took_s, 2) if took_s else None,
        }
        self.talk.style.say(f"\n{shown}\n")


def _remedy(error: PlatformError) -> str:
    overflow = isinstance(error, ContextOverflow)
    return " (!!remove takes back the last turn, !!reset all of them)" if overflow else ""
