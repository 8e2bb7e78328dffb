"""A tab finds its conversation again."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("conversations", sa.Column("tab", sa.String(32), nullable=True))
    op.create_index("ix_conversations_tab", "conversations", ["tab"])
