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
    faults: dict[str, str]

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
