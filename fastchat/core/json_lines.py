"""Log lines as JSON objects: the guide's fields, and what a line says of its request."""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

# What every record has; anything else was given by whoever wrote the line (`extra`).
_USUAL = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """`told` is said with every line: values, or functions that are called for each."""

    def __init__(self, told: Mapping[str, object | Callable[[], object]] | None = None) -> None:
        super().__init__()
        self.told = dict(told or {})

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": record.created,
            "@timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in self.told.items():
            line[name] = value() if callable(value) else value
        line |= {name: v for name, v in record.__dict__.items() if name not in _USUAL}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def always_tell(**told: object) -> None:
    """From now on, in every line of this process that is JSON."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, JsonLines):
            handler.formatter.told |= told
