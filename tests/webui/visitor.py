"""What a browser says to the page, without a browser: Gradio's queue, spoken by hand."""

import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp

CONTROLS = ("", 0.7, 1.0, 256)


class Refused(Exception):
    """The page says so in a corner of the screen."""


@dataclass
class Visitor:
    """One tab. `arrivals` are the times of the updates of the last call, on the monotonic clock."""

    session: aiohttp.ClientSession
    url: str
    model: str = "m"
    id: str = field(default_factory=lambda: uuid4().hex)
    browser: str = field(default_factory=lambda: uuid4().hex)
    tab: str = field(default_factory=lambda: uuid4().hex[:10])
    temporary: bool = False
    system: str = CONTROLS[0]
    query: str = ""  # of the page's address
    arrivals: list[float] = field(default_factory=list)
    _events: dict[str, int] = field(default_factory=dict)

    @property
    def who(self) -> list[object]:
        return [self.id, self.browser, self.temporary]

    async def open(self) -> dict[str, Any]:
        async with self.session.get(f"{self.url}/config") as answer:
            config: dict[str, Any] = await answer.json()
        for dependency in config["dependencies"]:
            if dependency["backend_fn"]:
                self._events.setdefault(dependency["api_name"], dependency["id"])
        return config

    async def look(self) -> None:
        """What every browser does once the page is there."""
        async for _ in self.updates("opened", [self.id, self.browser]):
            pass

    async def ask(self, text: str, pictures: str = "") -> list[dict[str, Any]]:
        """The rows that the page shows in the end."""
        return await _whole(self.asking(text, pictures))

    def asking(self, text: str, pictures: str = "") -> AsyncGenerator[Any, None]:
        return self.updates(
            "ask", [*self.who, text, pictures, self.model, self.system, *CONTROLS[1:]]
        )

    async def rows(
        self, event: str, inputs: Sequence[object], about: object = None
    ) -> list[dict[str, Any]]:
        return await _whole(self.updates(event, inputs, about))

    async def whole(
        self, event: str, inputs: Sequence[object], about: object = None
    ) -> list[list[Any]]:
        """Every update, for events that send few."""
        return [one async for one in self.updates(event, inputs, about)]

    async def updates(
        self, event: str, inputs: Sequence[object], about: object = None
    ) -> AsyncGenerator[Any, None]:
        """`about` is what the event itself tells, such as the row that was edited."""
        body = {
            "data": list(inputs),
            "event_data": about,
            "fn_index": self._events[event],
            "session_hash": self.tab,
            "trigger_id": 1,
        }
        async with self.session.post(
            f"{self.url}/gradio_api/queue/join{self.query}", json=body
        ) as answer:
            assert answer.status == 200, await answer.text()
        self.arrivals = []
        query = {"session_hash": self.tab}
        async with self.session.get(f"{self.url}/gradio_api/queue/data", params=query) as stream:
            async for line in stream.content:
                if not line.startswith(b"data:"):
                    continue
                message = json.loads(line[5:])
                if message["msg"] == "process_generating" and message["success"]:
                    self.arrivals.append(time.monotonic())
                    yield message["output"]["data"]
                if message["msg"] in ("process_completed", "unexpected_error"):
                    if not message["success"]:
                        raise Refused(message["output"]["error"])
                    if not self.arrivals:  # no stream: one whole answer
                        yield message["output"]["data"]
                    return


async def _whole(updates: AsyncGenerator[Any, None]) -> list[dict[str, Any]]:
    shown: Any = []
    async with aclosing(updates):
        async for output in updates:
            shown = _patched(shown, output[0])
    return shown if isinstance(shown, list) else []


def said(row: dict[str, Any]) -> str:
    return "".join(part["text"] for part in row["content"] if part["type"] == "text")


def seen(row: dict[str, Any]) -> str:
    """The markup of its pictures."""
    return "".join(part["value"] for part in row["content"] if part["type"] == "component")


def _patched(shown: Any, output: Any) -> Any:
    """The first update is whole, later ones are changes."""
    if not (isinstance(output, list) and all(isinstance(one, list) for one in output)):
        return output
    for action, path, value in output:
        shown = _changed(shown, action, path, value)
    return shown


def _changed(shown: Any, action: str, path: list[Any], value: Any) -> Any:
    if not path:
        return shown + value if action == "append" else value
    at, rest = path[0], path[1:]
    if not rest and action == "add":
        if isinstance(shown, list):
            shown.insert(at, value)
        else:
            shown[at] = value
    elif not rest and action == "delete":
        del shown[at]
    else:
        shown[at] = _changed(shown[at], action, rest, value)
    return shown
