"""Turns have pictures; battles with pictures are of the category that other arenas call vision."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_BATTLES = sa.table("battles", sa.column("id", sa.String), sa.column("categories", sa.JSON))


def upgrade() -> None:
    op.add_column("turns", sa.Column("pictures", sa.JSON(), nullable=True))
    connection = op.get_bind()
    named = sa.cast(_BATTLES.c.categories, sa.Text).contains('"image"')
    for id, categories in connection.execute(sa.select(_BATTLES).where(named)).all():
        renamed = sorted("vision" if one == "image" else one for one in categories)
        here = _BATTLES.c.id == id
        connection.execute(sa.update(_BATTLES).where(here).values(categories=renamed))
