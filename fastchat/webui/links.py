"""What the page's address asks for: a tab, under the names of 0.2.36."""

from collections.abc import Mapping

import gradio as gr

TABS: Mapping[str, str] = {
    "arena": "battle",
    "compare": "side_by_side",
    "direct": "chat",
    "model": "chat",
    "vision": "chat",
    "share": "chat",
    "leaderboard": "leaderboard",
}


def selected(request: gr.Request) -> object:
    """`/?arena` opens the battles, and so on; without any the first tab is open."""
    wanted = [TABS[name] for name in request.query_params if name in TABS]
    return gr.Tabs(selected=wanted[0]) if wanted else gr.skip()
