"""What the pages of two models do when something is clicked."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import gradio as gr

from fastchat.arena.battle import Battle, Kind, Vote, Winner
from fastchat.core.errors import InvalidRequest, PlatformError
from fastchat.webui.conversation_log import ConversationLog
from fastchat.webui.pair import showing
from fastchat.webui.pair.duel import Draw, Duel, LatePicture, Pair
from fastchat.webui.pictures import pictures_of
from fastchat.webui.rows import Rendering, inert
from fastchat.webui.session import Settings
from fastchat.webui.store import Store
from fastchat.webui.texts import Words
from fastchat.webui.visitors import Visitors

REASONS = ("correct", "helpful", "clear", "style")
Update = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class PairHandlers:
    """One of them for blind battles, one for names in sight. `draw` names two models for a blind
    round; `keep` stores a battle and its vote."""

    kind: Kind
    store: Store[Duel]
    visitors: Visitors
    log: ConversationLog
    takes_pictures: bool
    draw: Draw
    keep: Callable[[Battle, Vote], None]

    @property
    def is_blind(self) -> bool:
        return self.kind == "battle"

    async def ask(
        self,
        request: gr.Request,
        id: object,
        text: object,
        pictures: object,
        even: object,
        *controls: object,
    ) -> AsyncGenerator[Update, None]:
        question, (left, right, *settings) = text if isinstance(text, str) else "", controls

        def draw(shows: bool) -> Pair:
            return self.draw(shows) if self.is_blind else named(left, right)

        def verb(duel: Duel, how: Settings) -> AsyncGenerator[None, None]:
            return duel.ask(question, how, draw, self._pictures(pictures))

        async with aclosing(self._streamed(request, id, even, settings, verb)) as updates:
            async for update in updates:
                yield update

    async def regenerate(
        self, request: gr.Request, id: object, even: object, *controls: object
    ) -> AsyncGenerator[Update, None]:
        async with aclosing(
            self._streamed(request, id, even, controls[2:], lambda duel, how: duel.regenerate(how))
        ) as updates:
            async for update in updates:
                yield update

    async def stop(self, id: object) -> None:
        duel = self.store.find(id)
        if duel is not None:
            await duel.stop()

    async def clear(self, id: object) -> Update:
        duel = self.store.find(id)
        if duel is not None:
            await duel.clear()
        return [], []

    async def opened(self, request: gr.Request, id: object) -> Update:
        """What this tab said before it was loaded again."""
        duel = self.store.find(id)
        if duel is None:
            return [], []
        await duel.stop()  # a reload left nobody to read the answers
        words = self.visitors.words(request)
        return showing.rows(duel, self._renderings(words), even=False)

    def standing(self, request: gr.Request, id: object) -> Update:
        """Headings, whether the buttons of the vote are there, and what is to be done next."""
        duel, words = self.store.find(id), self.visitors.words(request)
        standing = duel.standing if duel is not None else "empty"
        names = (
            duel.pair if duel is not None and (not self.is_blind or standing == "voted") else None
        )
        return (
            heading(words.model_a, names and names[0]),
            heading(words.model_b, names and names[1]),
            gr.update(visible=standing == "open"),
            note(duel, words, blind=self.is_blind),
            gr.update(value=[]),
        )

    def vote(self, winner: Winner) -> Callable[..., object]:
        async def cast(request: gr.Request, id: object, browser: object, reasons: object) -> Update:
            duel, words = self.store.find(id), self.visitors.words(request)
            if duel is None:
                raise gr.Error(words.vote_nothing, print_exception=False)
            given = reasons if isinstance(reasons, list) else []
            try:
                battle, vote = duel.cast(
                    winner,
                    tuple(reason for reason in REASONS if reason in given),
                    self.visitors.voter(request, browser, id),
                    self.visitors.address(request),
                )
            except InvalidRequest:
                raise gr.Error(words.vote_nothing, print_exception=False) from None
            self.keep(battle, vote)
            await asyncio.to_thread(
                self.log.pair_vote, battle, vote, duel.left.turns, duel.right.turns
            )
            gr.Info(words.voted, duration=3)
            return self.standing(request, id)

        return cast

    def _pictures(self, sent: object) -> tuple[str, ...]:
        return pictures_of(sent) if self.takes_pictures else ()

    def _renderings(self, words: Words) -> tuple[Rendering, Rendering]:
        a, b = (words.model_a, words.model_b) if self.is_blind else (None, None)
        return Rendering(words, a), Rendering(words, b)

    async def _streamed(
        self,
        request: gr.Request,
        id: object,
        even: object,
        settings: Sequence[object],
        verb: Callable[[Duel, Settings], AsyncGenerator[None, None]],
    ) -> AsyncGenerator[Update, None]:
        words = self.visitors.words(request)
        renderings = self._renderings(words)
        try:
            duel, how = self.store.open(id), checked(settings)
            async with aclosing(verb(duel, how)) as news:
                async for _ in news:
                    yield showing.rows(duel, renderings, even=even is True)
            yield showing.rows(duel, renderings, even=False)
        except LatePicture as error:
            raise gr.Error(words.picture_late, print_exception=False) from error
        except PlatformError as error:
            sentence = words.fault(error, "")
            raise gr.Error(sentence, print_exception=False) from error


def named(left: object, right: object) -> Pair:
    """The models that were chosen. They may be the same: two answers of one model differ too."""
    if not isinstance(left, str) or not isinstance(right, str) or not left or not right:
        raise InvalidRequest("choose two models.", param="model")
    return left, right


def checked(settings: Sequence[object]) -> Settings:
    """With a name in it that is replaced by each side's own."""
    system, temperature, top_p, max_tokens = settings
    return Settings(  # what is of another type is refused there
        model="-",
        system=system or "",  # type: ignore[arg-type]
        temperature=temperature,  # type: ignore[arg-type]
        top_p=top_p,  # type: ignore[arg-type]
        max_tokens=max_tokens,  # type: ignore[arg-type]
    )


def heading(side: str, name: str | None) -> str:
    return f"### {side}: {inert(name)}" if name else f"### {side}"


def note(duel: Duel | None, words: Words, *, blind: bool) -> str:
    standing = duel.standing if duel is not None else "empty"
    if standing == "voted" and duel is not None and duel.leaked:
        return words.vote_leaked
    said = {
        "empty": words.battle_hint if blind else words.side_hint,
        "writing": "",
        "failed": words.vote_failed,
        "open": words.vote_open,
        "voted": words.vote_done_blind if blind else words.vote_done,
    }
    return said[standing]
