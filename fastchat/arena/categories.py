"""What a battle was about. A category is a name and a question asked of the talk."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

LONG_WORDS = 200

_CODE = re.compile(
    r"```|\b(?:def|class|import|SELECT|function|regex|python|javascript|typescript|java|c\+\+|rust"
    r"|golang|sql|bash|html|css|stack trace|traceback|compile[rs]?|refactor|unit tests?)\b"
    r"|代码|函数|编程",
    re.IGNORECASE,
)
_MATH = re.compile(
    r"\$[^$\n]+\$|\\frac|\\int|\\sum|\d\s*[-+*/^=]\s*\d|\b(?:equation|integral|derivative|theorem"
    r"|proof|prove|probability|matrix|algebra|geometry|solve for|how many)\b|方程|证明|积分|概率",
    re.IGNORECASE,
)
_CREATIVE = re.compile(
    r"\b(?:poem|story|haiku|song|lyrics|novel|essay|joke|limerick|screenplay|role-?play)\b|写一首|故事|诗",
    re.IGNORECASE,
)
_ENGLISH = re.compile(
    r"\b(?:the|is|are|was|what|how|why|which|who|of|and|to|in|a|an|for|with|you|please|me|my|can"
    r"|write|tell|explain|say|it|this|that)\b",
    re.IGNORECASE,
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """What was asked, question by question."""

    questions: tuple[str, ...]
    has_image: bool = False

    @property
    def text(self) -> str:
        return "\n".join(self.questions)


def _is_english(talk: Talk) -> bool:
    letters = _LETTER.findall(talk.text)
    latin = sum(letter.isascii() for letter in letters)
    return latin >= 0.9 * len(letters) and _ENGLISH.search(talk.text) is not None


def _is_chinese(talk: Talk) -> bool:
    letters = len(_LETTER.findall(talk.text))
    return (
        bool(_HAN.search(talk.text))
        and not _KANA.search(talk.text)
        and (len(_HAN.findall(talk.text)) >= 0.3 * letters)
    )


CATEGORIES: Mapping[str, Callable[[Talk], bool]] = {
    "english": _is_english,
    "chinese": _is_chinese,
    "code": lambda talk: _CODE.search(talk.text) is not None,
    "math": lambda talk: _MATH.search(talk.text) is not None,
    "creative": lambda talk: _CREATIVE.search(talk.text) is not None,
    "long_prompt": lambda talk: len(talk.text.split()) >= LONG_WORDS or len(talk.text) >= 1500,
    "multi_turn": lambda talk: len(talk.questions) > 1,
    "vision": lambda talk: talk.has_image,
}


def categories_of(talk: Talk) -> frozenset[str]:
    return frozenset(name for name, holds in CATEGORIES.items() if holds(talk))
