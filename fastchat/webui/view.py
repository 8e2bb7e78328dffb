"""How the page is laid out: the sidebar, the tabs, and what happens when it is opened."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from fastchat.webui.arena import Arena
from fastchat.webui.history.view import REMEMBER, HistoryView, connect, history_view
from fastchat.webui.leaderboard.view import leaderboard_view
from fastchat.webui.links import selected
from fastchat.webui.pair.view import PairView, pair_view
from fastchat.webui.parts import PRIVATE, QUIET, Shared
from fastchat.webui.session import INPUT_CHARACTERS, MAX_TOKENS, TEMPERATURE, TOP_P
from fastchat.webui.talk.handlers import TalkHandlers
from fastchat.webui.talk.view import TalkView, talk_view
from fastchat.webui.texts import Texts

FOLLOW_S = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    """What of a page takes part in what happens to all of it."""

    shared: Shared
    new: gr.Button
    past: HistoryView | None
    talk: TalkView
    pairs: Sequence[PairView]
    tabs: gr.Tabs | None

    @property
    def models(self) -> Sequence[gr.Dropdown]:
        """The chat's own is the first."""
        return [self.talk.model, *(box for pair in self.pairs for box in pair.models)]


def view(
    handlers: TalkHandlers,
    assets: Path,
    *,
    follows_models: bool,
    terms: bool,
    slots: int,
    arena: Arena | None = None,
) -> gr.Blocks:
    """`slots`: answers that are written at once."""
    page = gr.Blocks(title="fastchat", analytics_enabled=False, fill_height=True)
    with page:
        seen = _laid_out(handlers, assets, arena, slots, terms=terms)
        texts = handlers.visitors.texts
        page.load(None, None, None, js=_pictures_script(assets, texts), api_visibility="private")
        script = (assets / "session.js").read_text(encoding="utf-8")
        loaded = _opening(page, seen, handlers, arena, script)
        _conversations(seen, handlers, loaded, assets)
        known = gr.State([])
        models = [*seen.models]
        told = [*models, seen.shared.seeing, known]
        loaded.then(handlers.choices, models, told, **QUIET)
        if follows_models:
            gr.Timer(FOLLOW_S).tick(handlers.follow, [known, *models], told, **QUIET)
    _raise_slots(page, slots)
    return page


def _laid_out(
    handlers: TalkHandlers, assets: Path, arena: Arena | None, slots: int, *, terms: bool
) -> _Page:
    say = gr.I18n()
    id = gr.Textbox(visible="hidden", elem_id="session")
    browser = gr.Textbox(visible="hidden", elem_id="browser")
    seeing = gr.Textbox(visible="hidden", elem_id="seeing")
    with gr.Sidebar(open=True, width=300, elem_id="controls"):
        gr.HTML((assets / "brand.html").read_text(encoding="utf-8"), padding=False)
        new = gr.Button(say("new_chat"), elem_id="new-chat", variant="primary")
        past = history_view(say) if handlers.history is not None else None
        settings = _settings(say)
    temporary = past.temporary if past is not None else gr.Checkbox(visible=False)
    shared = Shared(
        id=id,
        browser=browser,
        temporary=temporary,
        seeing=seeing,
        settings=settings,
        slots=slots,
    )
    pairs: Sequence[PairView] = []
    tabs = None
    with gr.Column(elem_id="stage", elem_classes="wide" if arena else "talk"):
        if arena is None:
            talk = talk_view(handlers, shared, say, terms=terms)
        else:
            with gr.Tabs(elem_id="tabs") as tabs:
                with gr.Tab(say("tab_chat"), id="chat"), gr.Column(elem_classes="talk"):
                    talk = talk_view(handlers, shared, say, terms=terms)
                pairs = _arena_tabs(arena, shared, say, assets, terms=terms)
    return _Page(shared=shared, new=new, past=past, talk=talk, pairs=pairs, tabs=tabs)


def _opening(
    page: gr.Blocks, seen: _Page, handlers: TalkHandlers, arena: Arena | None, script: str
) -> Any:
    """What a browser had here before is there again."""
    who = [seen.shared.id, seen.shared.browser]
    loaded = page.load(
        handlers.opened,
        who,
        [*who, seen.talk.chat],
        js=script,
        **PRIVATE | {"show_progress": "hidden"},
    )
    if arena is not None and seen.tabs is not None:
        loaded.then(selected, None, [seen.tabs], **QUIET)
        for pair, duels in zip(seen.pairs, arena.pairs, strict=True):
            loaded.then(duels.opened, who[:1], list(pair.chats), **QUIET)
            loaded.then(duels.standing, who[:1], list(pair.standing), **QUIET)
    return loaded


def _conversations(seen: _Page, handlers: TalkHandlers, loaded: Any, assets: Path) -> None:
    """New ones begin, and the history follows."""
    id, browser, chat = seen.shared.id, seen.shared.browser, seen.talk.chat
    clearings = [seen.new.click, chat.clear]
    relist = None
    if handlers.history is not None and seen.past is not None:
        relist = connect(seen.past, handlers.history, id, browser, chat, assets)
        for event in (loaded, *seen.talk.answered):
            relist(event)
        clearings.append(seen.past.temporary.input)
    for clearing in clearings:
        cleared = clearing(handlers.clear, [id], [id, chat], **QUIET)
        kept = cleared.then(None, [id], None, js=REMEMBER, api_visibility="private")
        if relist is not None:
            relist(kept)


def _arena_tabs(
    arena: Arena, shared: Shared, say: gr.I18n, assets: Path, *, terms: bool
) -> Sequence[PairView]:
    pairs = []
    for handlers in arena.pairs:
        tab = gr.Tab(say(f"tab_{handlers.kind}"), id=handlers.kind)
        with tab, gr.Column(elem_classes="talk pair-talk"):
            if terms:
                gr.Markdown(say("terms"), elem_classes="terms")
            pairs.append(pair_view(handlers, shared, say))
    with gr.Tab(say("tab_leaderboard"), id="leaderboard") as tab, gr.Column(elem_classes="sheet"):
        leaderboard_view(arena.leaderboard, tab, say, assets)
    return pairs


def _settings(say: gr.I18n) -> Sequence[gr.components.Component]:
    return [
        gr.Textbox(
            label=say("system"),
            info=say("system_info"),
            lines=4,
            max_lines=8,
            max_length=INPUT_CHARACTERS,
            elem_id="system",
        ),
        gr.Slider(
            *TEMPERATURE, 0.7, step=0.1, label=say("temperature"), info=say("temperature_info")
        ),
        gr.Slider(*TOP_P, 1.0, step=0.1, label=say("top_p"), info=say("top_p_info")),
        gr.Slider(*MAX_TOKENS, 1024, step=16, label=say("max_tokens"), info=say("max_tokens_info")),
    ]


def _pictures_script(assets: Path, texts: Texts) -> str:
    said = {
        language: {
            name: getattr(words, name)
            for name in words.__struct_fields__
            if name.startswith("picture_")
        }
        for language, words in texts.languages.items()
    }
    script = (assets / "pictures.js").read_text(encoding="utf-8")
    return script.replace("WORDS", json.dumps(said))


def _raise_slots(page: gr.Blocks, slots: int) -> None:
    """The queue has 40 slots in all unless told otherwise before it is made. After each event it
    counts all it remembers, for a page that is not shown; and it looks for work every millisecond.
    """
    page.max_threads = slots + 40
    page.queue(default_concurrency_limit=None, max_size=slots * 4, api_open=False)
    page._queue.ANAYLTICS_CACHE_FREQUENCY = sys.maxsize
    page._queue.sleep_when_free = 0.01
