"""What every client's script is given, and how it tells what it saw. Standard library only: scripts
run in the environments of their clients."""

import json
import sys
from dataclasses import asdict, dataclass

QUESTION = "What is the weather in Paris? Use the tool."
DEGREES = "17"
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city now",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Its name"}},
            "required": ["city"],
        },
    },
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """`tool` is the one that was called, `answer` what was said behind its result. None where the
    client has no such thing; then `note` says why."""

    version: str
    text: str | None
    streamed: str | None = None
    tool: str | None = None
    answer: str | None = None
    note: str = ""


def weather(city: str) -> str:
    """The weather of a city now."""
    return f"{DEGREES} degrees and sunny in {city}"


def base_url() -> str:
    return sys.argv[1]


def model() -> str:
    return sys.argv[2]


def tell(told: Told) -> None:
    sys.stdout.write(json.dumps(asdict(told)) + "\n")
