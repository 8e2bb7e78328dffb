import json
import logging
import sys

import pytest

from fastchat.core.json_lines import JsonLines
from fastchat.core.redaction import redacted


def line(message: str, *arguments: object, **extra: object) -> dict[str, object]:
    record = logging.makeLogRecord(
        {"msg": message, "args": arguments, "levelname": "INFO", "name": "speaker", "created": 1.5}
        | extra
    )
    told = JsonLines({"worker_id": "w1", "queue_length": lambda: 3}).format(record)
    assert "\n" not in told
    found: dict[str, object] = json.loads(told)
    return found


def test_a_line_has_the_guides_fields() -> None:
    assert line("hello %s", "世界") == {
        "timestamp": 1.5,
        "@timestamp": "1970-01-01T00:00:01.500000+00:00",
        "level": "INFO",
        "logger": "speaker",
        "message": "hello 世界",
        "worker_id": "w1",
        "queue_length": 3,
    }


def test_what_is_said_of_a_request_stands_in_fields_of_its_own() -> None:
    assert line("done", request_id="id-1", total_ms=5.0)["request_id"] == "id-1"


def test_a_traceback_stays_in_its_line() -> None:
    try:
        raise ValueError("no\nsuch thing")
    except ValueError:
        told = line("it failed", exc_info=sys.exc_info())
    assert str(told["exception"]).endswith("ValueError: no\nsuch thing")


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("write to ann@example.com now", "write to [e-mail] now"),
        ("my key is sk-abcdefgh12345", "my key is [key]"),
        ("password: hunter2", "password: [secret]"),
        ("card 4111 1111 1111 1111.", "card [number]."),
        ("in 2024 there were 365 days", "in 2024 there were 365 days"),
    ],
)
def test_a_prompt_is_written_without_secrets(said: str, written: str) -> None:
    assert redacted(said) == written


def test_a_long_prompt_is_cut() -> None:
    assert redacted("a" * 30, most=10) == "a" * 10 + "… (20 characters more)"
