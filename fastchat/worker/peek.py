"""What a worker reads of a request that its engine answers."""

from typing import Any

import msgspec


class Peek(msgspec.Struct, frozen=True):
    model: str | None = None
    stream: bool | None = None
    continued: Any = None
