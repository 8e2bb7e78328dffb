"""Rows whose key may be there already: what becomes of the two, by dialect, in one statement."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert

_KINDS: Mapping[str, type[Insert]] = {"sqlite": sqlite.Insert, "postgresql": postgresql.Insert}


def once(table: Table, key: str) -> Mapping[str, Insert]:
    """The first stays."""
    return {
        name: kind(table).on_conflict_do_nothing(index_elements=[key])
        for name, kind in _KINDS.items()
    }


def replacing(table: Table) -> Mapping[str, Insert]:
    """The last stays."""
    return _merged(table, lambda old, new: new)


def adding(table: Table) -> Mapping[str, Insert]:
    """They are added up."""
    return _merged(table, lambda old, new: old + new)


def _merged(table: Table, merge: Callable[[Any, Any], Any]) -> Mapping[str, Insert]:
    keys = [column.name for column in table.primary_key]
    values = [column.name for column in table.columns if column.name not in keys]
    made = {}
    for dialect, kind in _KINDS.items():
        statement = kind(table)
        merged = {name: merge(table.c[name], statement.excluded[name]) for name in values}
        made[dialect] = statement.on_conflict_do_update(index_elements=keys, set_=merged)
    return made
