"""What the page does when something is clicked: one verb of a session each."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

import gradio as gr

from fastchat.core.errors import PlatformError
from fastchat.webui.conversation_log import ConversationLog
from fastchat.webui.rows import Rendering, Row, turn_of, written
from fastchat.webui.session import Session, Settings, Vote
from fastchat.webui.store import Store
from fastchat.webui.texts import Texts, Words

VOTES: Mapping[object, Vote] = {True: "upvote", False: "downvote", "Flag": "flag"}

Update = list[Row] | dict[str, object]
Verb = Callable[[Session, Settings], AsyncGenerator[None, None]]


@dataclass(frozen=True, slots=True)
class Handlers:
    """Inputs come as the browser sent them; `Settings` and `Store` check them."""

    store: Store
    texts: Texts
    log: ConversationLog
    models: Callable[[], list[str]]
    wall_clock: Callable[[], float]
    log_chats: bool

    async def ask(
        self, request: gr.Request, id: object, text: object, *controls: object
    ) -> AsyncGenerator[Update, None]:
        question = text if isinstance(text, str) else ""
        async with aclosing(
            self._streamed(request, id, controls, lambda one, how: one.ask(question, how))
        ) as updates:
            async for update in updates:
                yield update

    async def regenerate(
        self, request: gr.Request, row: gr.RetryData, id: object, *controls: object
    ) -> AsyncGenerator[Update, None]:
        index = turn_of(row.index)
        async with aclosing(
            self._streamed(request, id, controls, lambda one, how: one.regenerate(index, how))
        ) as updates:
            async for update in updates:
                yield update

    async def edit(
        self, request: gr.Request, row: gr.EditData, id: object, *controls: object
    ) -> AsyncGenerator[Update, None]:
        index, question = turn_of(row.index), written(str(row.value))
        async with aclosing(
            self._streamed(request, id, controls, lambda one, how: one.edit(index, question, how))
        ) as updates:
            async for update in updates:
                yield update

    async def stop(self, id: object) -> None:
        session = self.store.find(id)
        if session is not None:
            await session.stop()

    async def clear(self, id: object) -> Update:
        session = self.store.find(id)
        if session is not None:
            await session.clear()
        return []

    async def vote(self, request: gr.Request, row: gr.LikeData, id: object) -> None:
        vote, session = VOTES.get(row.liked), self.store.find(id)
        if vote is None or session is None:
            return
        turns = session.vote(turn_of(row.index), vote)
        if turns is not None:
            await asyncio.to_thread(
                self.log.vote, vote, session.conversation_id, turns, _address(request)
            )
            gr.Info(self._words(request).voted, duration=3)

    async def opened(self, request: gr.Request, id: object) -> tuple[object, ...]:
        """The conversation of this tab, when it had one, and the models of this moment."""
        session, shown = self.store.find(id), list[Row]()
        if session is not None:
            await session.stop()  # a reload left nobody to read the answer
            shown = Rendering(self._words(request)).rows(session.turns, is_busy=False)
        models = self.models()
        wanted = request.query_params.get("model")
        chosen = wanted if wanted in models else next(iter(models), None)
        return id, shown, gr.update(choices=_choices(models), value=chosen), models

    def follow(self, shown: object, chosen: object) -> tuple[object, object]:
        """The models that came and went since `shown`. A choice stays while its model is away."""
        models = self.models()
        if models == shown:
            return gr.skip(), gr.skip()
        keep = chosen if isinstance(chosen, str) and chosen else next(iter(models), None)
        known = sorted({*models, keep}) if keep is not None else models
        return gr.update(choices=_choices(known), value=keep), models

    def example(self, name: str) -> Callable[[gr.Request], str]:
        def text(request: gr.Request) -> str:
            return str(getattr(self._words(request), name))

        return text

    async def _streamed(
        self, request: gr.Request, id: object, controls: tuple[object, ...], verb: Verb
    ) -> AsyncGenerator[Update, None]:
        words, began = self._words(request), self.wall_clock()
        rendering = Rendering(words)
        try:
            session, settings = self.store.open(id), _settings(controls)
            async with aclosing(verb(session, settings)) as news:
                async for _ in news:
                    yield rendering.rows(session.turns, is_busy=session.is_busy)
            # Also after a verb that changed nothing: without any update the chat would be emptied.
            yield rendering.rows(session.turns, is_busy=session.is_busy)
        except PlatformError as error:
            sentence = words.fault(error, str(controls[0]))
            raise gr.Error(sentence, print_exception=False) from error
        if self.log_chats and session.turns:
            turns = list(session.turns)
            await asyncio.to_thread(
                self.log.chat, session.conversation_id, turns, began, _address(request)
            )

    def _words(self, request: gr.Request) -> Words:
        return self.texts.of(request.headers.get("accept-language", ""))


def _settings(controls: tuple[object, ...]) -> Settings:
    model, system, temperature, top_p, max_tokens = controls
    return Settings(  # what is of another type is refused there
        model=model,  # type: ignore[arg-type]
        system=system or "",  # type: ignore[arg-type]
        temperature=temperature,  # type: ignore[arg-type]
        top_p=top_p,  # type: ignore[arg-type]
        max_tokens=max_tokens,  # type: ignore[arg-type]
    )


def _choices(models: list[str]) -> list[tuple[str, str]]:
    return [(name, name) for name in models]


def _address(request: gr.Request) -> str:
    return request.client.host if request.client is not None else ""
