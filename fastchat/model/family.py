"""A family of checkpoints: how its names look, and the template that its models were trained on."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

# How specific a pattern is, most important first: the whole name, no base, letters, how far left.
Rank = tuple[bool, bool, int, int]

_SHORT = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A model belongs to the family with the most specific pattern that fits its name.

    `"openchat 3.5"` fits a name in which each of these words occurs, `"=bard"` a name that is just
    this. A pattern with a capital letter must occur as it is written, any other in any case. A word
    of up to three letters must not be the tail of a longer one: `mpt` is not in `prompt`.

    More letters are more specific. A base gives way to every other family, because a fine-tune's
    name often holds that of its base: `llama-2-7b-guanaco` is a Guanaco.

    `brings_own`: its models come with a chat template, which is used; `template` is then for those
    copies that lost it, and for callers who render themselves. `template` None: there is none.
    `beats_own`: it is used even where a tokenizer brings a chat template, because what copies of
    these models bring is often that of another model. `examples` are model ids that belong
    here; a test looks them up.
    """

    name: str
    patterns: tuple[str, ...]
    template: str | None
    examples: tuple[str, ...]
    is_base: bool = False
    beats_own: bool = False
    brings_own: bool = False

    def rank(self, model_name: str) -> Rank | None:
        """How well the name fits; None if it does not."""
        ranks = [self._rank(pattern, model_name) for pattern in self.patterns]
        return max((rank for rank in ranks if rank is not None), default=None)

    def _rank(self, pattern: str, model_name: str) -> Rank | None:
        name = model_name if pattern != pattern.lower() else model_name.lower()
        if pattern.startswith("="):
            return (True, not self.is_base, len(name), 0) if name == pattern[1:] else None
        words = pattern.split()
        places = [_place(word, name) for word in words]
        if -1 in places:
            return None
        return False, not self.is_base, sum(map(len, words)), -min(places)


def most_specific(families: Iterable[Family], model_path: str) -> Family | None:
    """The last part of the path is asked first, then the whole path. The order does not matter."""
    candidates = tuple(families)
    for name in (os.path.basename(os.path.normpath(model_path)), model_path):
        ranked = [(rank, family) for family in candidates if (rank := family.rank(name))]
        if ranked:
            return max(ranked, key=lambda pair: (pair[0], pair[1].name))[1]
    return None


def _place(word: str, name: str) -> int:
    """Where the word first occurs; -1 if it does not."""
    place = name.find(word)
    while len(word) <= _SHORT and place > 0 and name[place - 1].isalnum() and word[0].isalnum():
        place = name.find(word, place + 1)
    return place
