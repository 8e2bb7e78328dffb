"""How the page looks: components, and which handler hears of what."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes.utils import sizes

from fastchat.webui.handlers import Handlers
from fastchat.webui.history.view import REMEMBER, connect, history_view
from fastchat.webui.leaderboard.handlers import LeaderboardHandlers
from fastchat.webui.leaderboard.view import leaderboard_view
from fastchat.webui.links import selected
from fastchat.webui.pair.handlers import PairHandlers
from fastchat.webui.pair.view import PairView, Shared, pair_view
from fastchat.webui.parts import GIVE_BACK, PRIVATE, QUIET, box, chat, streamed, waiting
from fastchat.webui.session import INPUT_CHARACTERS, MAX_TOKENS, TEMPERATURE, TOP_P
from fastchat.webui.texts import Texts, Words

FOLLOW_S = 5.0
FONTS = (
    *("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "PingFang SC"),
    *("Microsoft YaHei", "Noto Sans CJK SC", "sans-serif"),
)
MONOSPACE = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
EXAMPLES = ("example_1", "example_2", "example_3")


@dataclass(frozen=True, kw_only=True, slots=True)
class Arena:
    """The further tabs of `gradio_web_server_multi`."""

    battle: PairHandlers
    side_by_side: PairHandlers
    leaderboard: LeaderboardHandlers


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatView:
    chat: gr.Chatbot
    model: gr.Dropdown
    answered: Sequence[Any]  # events after which the history has something new


def view(
    handlers: Handlers,
    assets: Path,
    *,
    follows_models: bool,
    terms: bool,
    slots: int,
    arena: Arena | None = None,
) -> gr.Blocks:
    """`slots`: answers that are written at once."""
    say = gr.I18n()
    page = gr.Blocks(title="fastchat", analytics_enabled=False, fill_height=True)
    with page:
        id = gr.Textbox(visible="hidden", elem_id="session")
        browser = gr.Textbox(visible="hidden", elem_id="browser")
        known = gr.State([])
        with gr.Sidebar(open=True, width=300, elem_id="controls"):
            gr.HTML((assets / "brand.html").read_text(encoding="utf-8"), padding=False)
            new = gr.Button(say("new_chat"), elem_id="new-chat", variant="primary")
            past = history_view(say) if handlers.history is not None else None
            settings = _settings(say)
        temporary = past.temporary if past is not None else gr.Checkbox(visible=False)
        shared = Shared(id=id, browser=browser, temporary=temporary, settings=settings, slots=slots)
        with gr.Column(elem_id="stage", elem_classes="wide" if arena else "talk"):
            if arena is None:
                talk, pairs, tabs = _chat(handlers, shared, say, terms=terms), [], None
            else:
                with gr.Tabs(elem_id="tabs") as tabs:
                    with gr.Tab(say("tab_chat"), id="chat"), gr.Column(elem_classes="talk"):
                        talk = _chat(handlers, shared, say, terms=terms)
                    pairs = _arena(arena, shared, say, assets, terms=terms)
        loaded = page.load(
            handlers.opened,
            [id, browser],
            [id, browser, talk.chat],
            js=(assets / "session.js").read_text(encoding="utf-8"),
            **PRIVATE | {"show_progress": "hidden"},
        )
        models = [talk.model, *(box for pair in pairs for box in pair.models)]
        loaded.then(handlers.choices, models, [*models, known], **QUIET)
        if arena is not None and tabs is not None:
            loaded.then(selected, None, [tabs], **QUIET)
            for pair, duels in zip(pairs, (arena.battle, arena.side_by_side), strict=True):
                loaded.then(duels.opened, [id], list(pair.chats), **QUIET)
                loaded.then(duels.standing, [id], list(pair.standing), **QUIET)
        clearings = [new.click, talk.chat.clear]
        if handlers.history is not None and past is not None:
            relist = connect(past, handlers.history, id, browser, talk.chat, assets)
            for event in (loaded, *talk.answered):
                relist(event)
            clearings.append(past.temporary.input)
        for clearing in clearings:
            cleared = clearing(handlers.clear, [id], [id, talk.chat], **QUIET)
            kept = cleared.then(None, [id], None, js=REMEMBER, api_visibility="private")
            if past is not None:
                relist(kept)
        if follows_models:
            tick = gr.Timer(FOLLOW_S).tick
            tick(handlers.follow, [known, *models], [*models, known], **QUIET)
    _raise_slots(page, slots)
    return page


def translations(texts: Texts) -> gr.I18n:
    tables = {language: _table(words) for language, words in texts.languages.items()}
    # A browser says which Chinese it means.
    regions = {f"zh-{region}": tables["zh"] for region in ("CN", "SG", "TW", "HK")}
    return gr.I18n(**tables, **regions)


def theme() -> gr.themes.Base:
    return gr.themes.Base(
        primary_hue="indigo",
        neutral_hue="slate",
        radius_size=sizes.radius_lg,
        font=FONTS,
        font_mono=MONOSPACE,
    )


def _table(words: Words) -> dict[str, str]:
    """The words that stand on the page from the beginning."""
    return {
        name: text
        for name in words.__struct_fields__
        if isinstance(text := getattr(words, name), str)
    }


def _arena(
    arena: Arena, shared: Shared, say: gr.I18n, assets: Path, *, terms: bool
) -> list[PairView]:
    pairs = []
    for handlers in (arena.battle, arena.side_by_side):
        tab = gr.Tab(say(f"tab_{handlers.kind}"), id=handlers.kind)
        with tab, gr.Column(elem_classes="talk pair-talk"):
            if terms:
                gr.Markdown(say("terms"), elem_classes="terms")
            pairs.append(pair_view(handlers, shared, say))
    with gr.Tab(say("tab_leaderboard"), id="leaderboard") as tab, gr.Column(elem_classes="sheet"):
        leaderboard_view(arena.leaderboard, tab, say, assets)
    return pairs


def _chat(handlers: Handlers, shared: Shared, say: gr.I18n, *, terms: bool) -> ChatView:
    who, slots = [shared.id, shared.browser, shared.temporary], shared.slots
    asked = gr.Textbox(visible="hidden", elem_id="asked")
    model = gr.Dropdown(
        [],
        label=say("model"),
        show_label=False,
        container=False,
        filterable=False,
        elem_id="model",
        elem_classes="model",
    )
    controls = [model, *shared.settings]
    if terms:
        gr.Markdown(say("terms"), elem_id="terms", elem_classes="terms")
    talk = chat(say, "chat", votes=True)
    with gr.Row(elem_id="examples"):
        examples = {name: gr.Button(say(name), size="sm") for name in EXAMPLES}
    question = box(say, "box")
    wait, many = waiting("#box"), streamed([talk], slots)
    sent = question.submit(
        None, [question], [asked, question], js=wait.send, api_visibility="private"
    )
    asking = sent.then(handlers.ask, [*who, asked, *controls], **many)
    asking.failure(None, [asked], [question], js=GIVE_BACK, api_visibility="private")
    answered = [asking]
    for event, handler in ((talk.retry, handlers.regenerate), (talk.edit, handlers.edit)):
        event(None, None, [question], js=wait.begin, api_visibility="private")
        answered.append(event(handler, [*who, *controls], **many))
    for one in answered:
        one.then(None, None, [question], js=wait.end, api_visibility="private")
    question.stop(handlers.stop, [shared.id], None, **QUIET)
    talk.like(handlers.vote, [shared.id], None, **PRIVATE | {"show_progress": "hidden"})
    for name, button in examples.items():
        button.click(handlers.example(name), None, [question], **QUIET)
    return ChatView(chat=talk, model=model, answered=answered)


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


def _raise_slots(page: gr.Blocks, slots: int) -> None:
    """The queue has 40 slots in all unless told otherwise before it is made. After each event it
    counts all it remembers, for a page that is not shown; and it looks for work every millisecond.
    """
    page.max_threads = slots + 40
    page.queue(default_concurrency_limit=None, max_size=slots * 4, api_open=False)
    page._queue.ANAYLTICS_CACHE_FREQUENCY = sys.maxsize
    page._queue.sleep_when_free = 0.01
