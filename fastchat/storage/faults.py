"""What goes wrong with a database, as errors of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from fastchat.core.errors import PlatformError

MESSAGE_LIMIT = 300


class DatabaseAway(PlatformError):
    """It cannot be reached, its disk is full, or somebody else holds it. Try again."""

    status = 503

    def __init__(self, reason: str) -> None:
        super().__init__(f"The database does not answer: {reason}.")
        self.retry_after_s = 5


def is_away(error: SQLAlchemyError) -> bool:
    """Whether the same may work later, because the fault is not that of the statement."""
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def reason(error: SQLAlchemyError) -> str:
    """What the driver said: its own words hold no values of ours."""
    said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return " ".join(said.split())[:MESSAGE_LIMIT] or type(error).__name__


@contextmanager
def faults() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        if is_away(error):
            raise DatabaseAway(reason(error)) from error
        raise
