"""Rows that are added once: of two with the same key the first stays."""

from collections.abc import Mapping

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


def once(table: Table, key: str) -> Mapping[str, Insert]:
    """By dialect."""
    kinds: Mapping[str, type[Insert]] = {"sqlite": sqlite.Insert, "postgresql": postgresql.Insert}
    return {
        name: kind(table).on_conflict_do_nothing(index_elements=[key])
        for name, kind in kinds.items()
    }
