"""How the page looks and in which words: what Gradio is given beside the components."""

from dataclasses import dataclass
from pathlib import Path

import gradio as gr
from gradio.themes.utils import sizes

from fastchat.webui.texts import Texts, Words

FONTS = (
    *("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "PingFang SC"),
    *("Microsoft YaHei", "Noto Sans CJK SC", "sans-serif"),
)
MONOSPACE = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """`users` None: no login."""

    theme: gr.themes.Base
    css: str
    translations: gr.I18n
    users: list[tuple[str, str]] | None = None
    root_path: str = ""


def look(
    assets: Path,
    texts: Texts,
    *,
    users: list[tuple[str, str]] | None = None,
    root_path: str = "",
) -> Look:
    return Look(
        theme=_theme(),
        css=(assets / "page.css").read_text(encoding="utf-8"),
        translations=_translations(texts),
        users=users,
        root_path=root_path,
    )


def _theme() -> gr.themes.Base:
    return gr.themes.Base(
        primary_hue="indigo",
        neutral_hue="slate",
        radius_size=sizes.radius_lg,
        font=FONTS,
        font_mono=MONOSPACE,
    )


def _translations(texts: Texts) -> gr.I18n:
    tables = {language: _table(words) for language, words in texts.languages.items()}
    # A browser says which Chinese it means.
    regions = {f"zh-{region}": tables["zh"] for region in ("CN", "SG", "TW", "HK")}
    return gr.I18n(**tables, **regions)


def _table(words: Words) -> dict[str, str]:
    """The words that stand on the page from the beginning."""
    return {
        name: text
        for name in words.__struct_fields__
        if isinstance(text := getattr(words, name), str)
    }
