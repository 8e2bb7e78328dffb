"""Which models may answer for a name: aliases, splits between versions, and fallbacks."""

from collections.abc import Collection, Iterable, Mapping
from random import Random
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

Name = Annotated[str, Meta(min_length=1, max_length=256)]
Weight = Annotated[float, Meta(gt=0)]
Split = Annotated[dict[Name, Weight], Meta(min_length=1)]


class Routes(Struct, frozen=True, forbid_unknown_fields=True):
    """An alias leads to a model, or to several by weight: `{"chat-v1": 95, "chat-v2": 5}`.
    `fallbacks` come in when a model has no worker or is full, `context_fallbacks` when a prompt is
    too long for it."""

    aliases: dict[Name, Name | Split] = field(default_factory=dict)
    fallbacks: dict[Name, tuple[Name, ...]] = field(default_factory=dict)
    context_fallbacks: dict[Name, tuple[Name, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for alias, target in self.aliases.items():
            again = [name for name in _names(target) if name in self.aliases]
            if again:
                raise ValueError(f"aliases: {alias!r} leads to {again[0]!r}, an alias itself")

    def chain(self, model: str, rng: Random) -> tuple[str, ...]:
        """The models to ask, in this order."""
        if not self.aliases and not self.fallbacks:
            return (model,)
        first = self._resolved(model, rng)
        return tuple(dict.fromkeys((first, *self._after(self.fallbacks, first, model))))

    def targets(self, name: str) -> frozenset[str]:
        """The model itself, or all to which an alias may lead."""
        return frozenset(_names(self.aliases.get(name, name)))

    def longer(self, model: str, asked: str) -> tuple[str, ...]:
        """Where a prompt may fit that `model`, which answered for `asked`, could not hold."""
        return self._after(self.context_fallbacks, model, asked)

    def reachable(self, served: Collection[str]) -> Iterable[str]:
        """The aliases of which at least one model is served."""
        return (
            alias
            for alias, target in self.aliases.items()
            if any(name in served for name in _names(target))
        )

    def _resolved(self, model: str, rng: Random) -> str:
        target = self.aliases.get(model, model)
        if isinstance(target, str):
            return target
        return rng.choices(list(target), weights=list(target.values()))[0]

    def _after(
        self, table: Mapping[str, tuple[str, ...]], model: str, asked: str
    ) -> tuple[str, ...]:
        return table.get(model) or table.get(asked, ())


NO_ROUTES = Routes()


def parse_routes(values: Mapping[str, object]) -> Routes:
    """Raises ValueError naming the place at fault."""
    return msgspec.convert(values, Routes)


def _names(target: str | Mapping[str, float]) -> Iterable[str]:
    return (target,) if isinstance(target, str) else target
