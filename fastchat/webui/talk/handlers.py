"""What the chat does when something is clicked: one verb of a session each."""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass

import gradio as gr

from fastchat.core.errors import PlatformError
from fastchat.webui.conversation_log import ConversationLog
from fastchat.webui.history.handlers import HistoryHandlers
from fastchat.webui.models import Seeing
from fastchat.webui.pictures import pictures_of
from fastchat.webui.rows import Rendering, Row, turn_of, written
from fastchat.webui.session import Session, Settings, Vote
from fastchat.webui.store import Store
from fastchat.webui.visitors import Visitors

VOTES: Mapping[object, Vote] = {True: "upvote", False: "downvote", "Flag": "flag"}

Update = list[Row] | dict[str, object]
Who = tuple[object, object, object]
Opened = tuple[object, object, Update]
Verb = Callable[[Session, Settings], AsyncGenerator[None, None]]


@dataclass(frozen=True, slots=True)
class TalkHandlers:
    """Inputs come as the browser sent them; `Settings` and `Store` check them."""

    store: Store[Session]
    visitors: Visitors
    log: ConversationLog
    models: Callable[[], list[str]]
    seeing: Callable[[], Seeing]
    wall_clock: Callable[[], float]
    log_chats: bool
    history: HistoryHandlers | None

    async def ask(
        self,
        request: gr.Request,
        id: object,
        browser: object,
        temporary: object,
        text: object,
        pictures: object,
        *controls: object,
    ) -> AsyncGenerator[Update, None]:
        question, who = text if isinstance(text, str) else "", (id, browser, temporary)

        def verb(one: Session, how: Settings) -> AsyncGenerator[None, None]:
            return one.ask(question, how, pictures_of(pictures))

        async with aclosing(self._streamed(request, who, controls, verb)) as updates:
            async for update in updates:
                yield update

    async def regenerate(
        self,
        request: gr.Request,
        row: gr.RetryData,
        id: object,
        browser: object,
        temporary: object,
        *controls: object,
    ) -> AsyncGenerator[Update, None]:
        index, who = turn_of(row.index), (id, browser, temporary)
        async with aclosing(
            self._streamed(request, who, controls, lambda one, how: one.regenerate(index, how))
        ) as updates:
            async for update in updates:
                yield update

    async def edit(
        self,
        request: gr.Request,
        row: gr.EditData,
        id: object,
        browser: object,
        temporary: object,
        *controls: object,
    ) -> AsyncGenerator[Update, None]:
        index, question, who = turn_of(row.index), written(str(row.value)), (id, browser, temporary)
        async with aclosing(
            self._streamed(request, who, controls, lambda one, how: one.edit(index, question, how))
        ) as updates:
            async for update in updates:
                yield update

    async def stop(self, id: object) -> None:
        session = self.store.find(id)
        if session is not None:
            await session.stop()

    async def clear(self, id: object) -> tuple[object, Update]:
        """A new conversation under a new number; what was said is in the history, if it is kept."""
        session = self.store.find(id)
        if session is not None:
            await session.clear()
        return secrets.token_hex(16), []

    async def vote(self, request: gr.Request, row: gr.LikeData, id: object) -> None:
        vote, session = VOTES.get(row.liked), self.store.find(id)
        if vote is None or session is None:
            return
        turns = session.vote(turn_of(row.index), vote)
        if turns is not None:
            await asyncio.to_thread(
                self.log.vote, vote, session.conversation_id, turns, self.visitors.address(request)
            )
            gr.Info(self.visitors.words(request).voted, duration=3)

    async def opened(self, request: gr.Request, id: object, browser: object) -> Opened:
        """The conversation of this tab, when it had one."""
        session, shown = self.store.find(id), list[Row]()
        if session is None and self.history is not None:
            session = await self.history.again(request, id, browser)
        if session is not None:
            await session.stop()  # a reload left nobody to read the answer
            shown = Rendering(self.visitors.words(request)).rows(session.turns, is_busy=False)
        return id, browser, shown

    def choices(self, request: gr.Request, *boxes: object) -> tuple[object, ...]:
        """What can be chosen at this moment, for each box of the page: the first is the chat's.
        Then which of them see, and all that are known."""
        models = self.models()
        count = len(boxes)
        spread = [*(_wanted(request, models) * count), *([None] * count)][:count]
        updates = [gr.update(choices=_choices(models), value=chosen) for chosen in spread]
        seeing = self._seeing()
        return *updates, seeing, [models, seeing]

    def follow(self, shown: object, *boxes: object) -> tuple[object, ...]:
        """The models that came and went since `shown`. A choice stays while its model is away."""
        models, seeing = self.models(), self._seeing()
        if [models, seeing] == shown:
            return (gr.skip(),) * (len(boxes) + 2)
        first = next(iter(models), None)
        keeps = [box if isinstance(box, str) and box else first for box in boxes]
        updates = [
            gr.update(choices=_choices(sorted({*models, keep} if keep else models)), value=keep)
            for keep in keeps
        ]
        return *updates, seeing, [models, seeing]

    def _seeing(self) -> str:
        """For the browser, which offers pictures only where they are seen."""
        return json.dumps(asdict(self.seeing()))

    def example(self, name: str) -> Callable[[gr.Request], str]:
        def text(request: gr.Request) -> str:
            return str(getattr(self.visitors.words(request), name))

        return text

    async def _streamed(
        self, request: gr.Request, who: Who, controls: tuple[object, ...], verb: Verb
    ) -> AsyncGenerator[Update, None]:
        id, _, temporary = who
        is_kept = temporary is not True
        words, began = self.visitors.words(request), self.wall_clock()
        rendering = Rendering(words)
        model, *others = controls
        if model is None:  # the question was faster than the list of models
            model = next(iter(_wanted(request, self.models())), None)
        begun = False
        try:
            session, settings = self.store.open(id), _settings(model, others)
            try:
                async with aclosing(verb(session, settings)) as news:
                    async for _ in news:
                        yield rendering.rows(session.turns, is_busy=session.is_busy)
                        if not begun:
                            begun = True
                            await self._keep(request, session, who)
            finally:
                await self._keep(request, session, who)
            # Also after a verb that changed nothing: without any update the chat would be emptied.
            yield rendering.rows(session.turns, is_busy=session.is_busy)
        except PlatformError as error:
            sentence = words.fault(error, str(model))
            raise gr.Error(sentence, print_exception=False) from error
        if self.log_chats and is_kept and begun and session.turns:
            turns = list(session.turns)
            await asyncio.to_thread(
                self.log.chat, session.conversation_id, turns, began, self.visitors.address(request)
            )

    async def _keep(self, request: gr.Request, session: Session, who: Who) -> None:
        """A temporary chat is kept nowhere."""
        id, browser, temporary = who
        if self.history is not None and temporary is not True:
            await asyncio.shield(self.history.keep(request, session, id, browser))


def _wanted(request: gr.Request, models: list[str]) -> list[str]:
    """The models, with that of the page's address first."""
    return sorted(models, key=lambda name: name != request.query_params.get("model"))


def _settings(model: object, others: Sequence[object]) -> Settings:
    system, temperature, top_p, max_tokens = others
    return Settings(  # what is of another type is refused there
        model=model,  # type: ignore[arg-type]
        system=system or "",  # type: ignore[arg-type]
        temperature=temperature,  # type: ignore[arg-type]
        top_p=top_p,  # type: ignore[arg-type]
        max_tokens=max_tokens,  # type: ignore[arg-type]
    )


def _choices(models: list[str]) -> list[tuple[str, str]]:
    return [(name, name) for name in models]
