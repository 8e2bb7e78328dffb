"""How the leaderboard looks."""

from pathlib import Path

import gradio as gr

from fastchat.arena.categories import CATEGORIES
from fastchat.webui.leaderboard.handlers import ALL, WINDOWS_S, LeaderboardHandlers
from fastchat.webui.parts import PRIVATE, QUIET


def leaderboard_view(
    handlers: LeaderboardHandlers, tab: gr.Tab, say: gr.I18n, assets: Path
) -> None:
    with gr.Row(elem_classes="filters"):
        category = gr.Dropdown(
            [(say("category_all"), ALL), *((say(f"category_{one}"), one) for one in CATEGORIES)],
            value=ALL,
            label=say("category"),
            elem_id="category",
            filterable=False,
        )
        window = gr.Dropdown(
            [(say("window_all"), ALL), *((say(f"window_{one}"), one) for one in WINDOWS_S)],
            value=ALL,
            label=say("window"),
            elem_id="window",
            filterable=False,
        )
        with gr.Column(min_width=220):
            style = gr.Checkbox(False, label=say("style_control"), elem_id="style-control")
            ties = gr.Checkbox(True, label=say("ties"), elem_id="ties")
            bootstrap = gr.Checkbox(False, label=say("bootstrap"), elem_id="bootstrap")
    summary = gr.HTML(elem_id="board-summary")
    table = gr.HTML(elem_id="board")
    intervals = gr.Plot(show_label=False, visible=False, elem_id="intervals")
    wins = gr.Plot(show_label=False, visible=False, elem_id="wins")
    with gr.Row(elem_classes="tools"):
        refresh = gr.Button(say("refresh"), size="sm")
        download = gr.Button(say("csv"), size="sm")
    with gr.Accordion(say("method"), open=False):
        gr.Markdown(say("method_text"))
    text = gr.Textbox(visible="hidden", elem_id="csv-text")

    boxes, lists = [ties, style, bootstrap], [category, window]
    chosen = [*lists, *boxes]
    shown = [summary, table, intervals, wins]
    changes = [*(one.change for one in boxes), *(one.change for one in lists)]
    for event in (tab.select, refresh.click, *changes):
        event(handlers.show, chosen, shown, **PRIVATE, show_progress="minimal")
    script = (assets / "download.js").read_text(encoding="utf-8")
    made = download.click(handlers.csv, chosen, [text], **QUIET)
    made.then(
        None, [text], None, js=script.replace("NAME", "leaderboard.csv"), api_visibility="private"
    )
