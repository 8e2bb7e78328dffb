"""The words of the page in every language it speaks."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fastchat.core.errors import PlatformError

FALLBACK = "en"


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """One language: what the page says, and what it says about an error of this code."""

    tagline: str
    welcome: str
    model: str
    no_model: str
    system: str
    system_info: str
    temperature: str
    temperature_info: str
    top_p: str
    top_p_info: str
    max_tokens: str
    max_tokens_info: str
    message: str
    message_hint: str
    conversation: str
    new_chat: str
    example_1: str
    example_2: str
    example_3: str
    voted: str
    stopped: str
    terms: str
    temporary: str
    history: str
    history_search: str
    history_gone: str
    this_chat: str
    rename: str
    pin: str
    share: str
    unshare: str
    link: str
    json: str
    markdown: str
    forget: str
    picture_add: str
    picture_remove: str
    picture_kind: str
    picture_large: str
    picture_many: str
    picture_blind: str
    picture_none: str
    picture_late: str
    tab_chat: str
    tab_battle: str
    tab_side_by_side: str
    tab_leaderboard: str
    model_a: str
    model_b: str
    battle_hint: str
    side_hint: str
    new_round: str
    regenerate: str
    even: str
    vote_left: str
    vote_right: str
    vote_tie: str
    vote_both_bad: str
    vote_open: str
    vote_failed: str
    vote_nothing: str
    vote_leaked: str
    vote_done: str
    vote_done_blind: str
    reasons: str
    reason_correct: str
    reason_helpful: str
    reason_clear: str
    reason_style: str
    category: str
    category_all: str
    category_english: str
    category_chinese: str
    category_code: str
    category_math: str
    category_creative: str
    category_long_prompt: str
    category_multi_turn: str
    category_vision: str
    window: str
    window_all: str
    window_day: str
    window_week: str
    window_month: str
    style_control: str
    ties: str
    bootstrap: str
    refresh: str
    csv: str
    method: str
    method_text: str
    col_rank: str
    col_model: str
    col_rating: str
    col_interval: str
    col_votes: str
    col_wins: str
    few_votes: str
    unconnected: str
    board_empty: str
    board_votes: str
    board_left_out: str
    board_flip: str
    board_style: str
    board_style_unresolved: str
    chart_intervals: str
    chart_wins: str
    faults: dict[str, str]
    left_out: dict[str, str]
    features: dict[str, str]

    def fault(self, error: PlatformError, model: str) -> str:
        """A sentence with a remedy, ended by the code as in 0.2.36."""
        pattern = self.faults.get(str(error.code), "{message}")
        sentence = pattern.replace("{model}", model).replace("{message}", error.message)
        return f"{sentence} (error_code: {error.code})"


@dataclass(frozen=True, slots=True)
class Texts:
    languages: Mapping[str, Words]

    def of(self, accept_language: str) -> Words:
        """The first language that the browser asks for and the page speaks."""
        for wanted in accept_language.lower().split(","):
            language = wanted.strip().partition(";")[0].partition("-")[0]
            if language in self.languages:
                return self.languages[language]
        return self.languages[FALLBACK]


def load(path: Path) -> Texts:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return Texts(msgspec.convert(tables, dict[str, Words]))
