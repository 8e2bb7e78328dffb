"""What all tables belong to. A table stands in a module of its own, named in `TABLES`."""

from importlib import import_module

from sqlalchemy import MetaData

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

TABLES = ("keys", "usage", "battles", "votes", "conversations", "quotas")


def whole_metadata() -> MetaData:
    """With every table, whichever of them was imported."""
    for name in TABLES:
        import_module(f"fastchat.storage.{name}")
    return METADATA
