"""What the tests of both pairings ask an API server, and how they read its streams."""

import json
import urllib.request
from collections.abc import Sequence
from typing import Any

from tests.compat.processes import Server

QUESTION = "Which city is the capital of France?"


def events(server: Server, path: str, body: dict[str, Any]) -> list[Any]:
    """The events of a streamed answer, decoded, up to `[DONE]`."""
    request = urllib.request.Request(
        server.url + path,
        json.dumps(body | {"stream": True}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=100) as answer:
        sent = [line[6:].strip() for line in answer if line.startswith(b"data: ")]
    assert sent[-1] == b"[DONE]"
    return [json.loads(event) for event in sent[:-1]]


def text_of(events: Sequence[Any]) -> str:
    choices = [choice for event in events for choice in event["choices"]]
    return "".join(
        choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in choices
    )
