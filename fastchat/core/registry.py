"""The only plug-in mechanism: a name, an import string, a lazy load, an error listing the names."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from fastchat.core.errors import ConfigError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names of one kind of thing, each leading to `module:attribute`.

    Installed third parties join through the entry-point group; a built-in name wins over theirs.
    """

    def __init__(self, kind: str, table: Mapping[str, str], *, group: str | None = None) -> None:
        self.kind = kind
        self._table = dict(table)
        self._group = group

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def names(self) -> list[str]:
        return sorted(self._targets())

    def load(self, name: str) -> T:
        """Import what the name stands for. Raises `ConfigError` listing the names it could be."""
        target = self._targets().get(name)
        if target is None:
            raise ConfigError(
                f"unknown {self.kind} {name!r}: choose from {', '.join(self.names())}"
            )
        module, _, attribute = target.partition(":")
        return cast(T, getattr(import_module(module), attribute))

    def _targets(self) -> dict[str, str]:
        if self._group is None:
            return self._table
        installed = {point.name: point.value for point in entry_points(group=self._group)}
        return installed | self._table
