"""What must last: keys, usage, conversations and votes, in SQLite or PostgreSQL.

A module a table or two: `keys`, `usage`, `battles`, `votes` on them, `conversations` with their
turns, `quotas`. Each holds the tables, and functions of a connection that `Database.read` and
`Database.write` are given.
"""

from fastchat.storage.database import Database
from fastchat.storage.faults import DatabaseAway

__all__ = ["Database", "DatabaseAway"]
