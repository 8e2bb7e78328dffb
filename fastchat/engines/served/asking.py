"""What is asked of an engine's server beside answers: whether it is well, how busy it is, how long
its context is, how many tokens a text has."""

import math
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import aiohttp
import msgspec

from fastchat.client.http import NETWORK_ERRORS, Api
from fastchat.core.attended import EngineLoad
from fastchat.core.errors import EngineFailed
from fastchat.core.generation import Chat, Prompt
from fastchat.engines.served.row import Row
from fastchat.protocol.openai.fields import message_fields

CALL_S = 10.0

# One sample of a metric: its name, perhaps labels, its value.
_SAMPLE = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{[^}]*\})? (\S+)", re.MULTILINE)


class Asking:
    def __init__(self, row: Row, session: aiohttp.ClientSession, url: str, key: str | None) -> None:
        self._row = row
        self._api = Api(session, url, token=key, timeout_s=CALL_S)

    async def is_well(self) -> bool:
        """Raises one of `NETWORK_ERRORS` when nobody answers."""
        try:
            await self._api.get(self._row.health)
        except aiohttp.ClientResponseError as error:
            # Who does not know the question answers all the same.
            return error.status in (404, 405)
        return True

    async def load(self) -> EngineLoad:
        """Raises one of `NETWORK_ERRORS`. Some tell it only when they are started so."""
        gauges = self._row.gauges
        try:
            told = await self._api.get(gauges.path) if gauges is not None else b""
        except aiohttp.ClientResponseError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            gauges = None
        if gauges is None:
            await self.is_well()
            return EngineLoad()
        values = samples(told.decode(errors="replace"))
        caches = values.get(gauges.cache, ()) if gauges.cache is not None else ()
        return EngineLoad(
            running=int(sum(values.get(gauges.running, ()))),
            waiting=int(sum(values.get(gauges.waiting, ()))),
            # The fullest of several; and a share, whatever it says.
            cache_usage=min(max(0.0, *caches), 1.0) if caches else None,
        )

    async def context_length(self) -> int | None:
        """None when it does not tell."""
        told = self._row.context
        if told is None:
            return None
        try:
            found = msgspec.json.decode(await self._api.get(told.path))
            for key in told.keys:
                found = found[key]
        except (*NETWORK_ERRORS, LookupError, TypeError):
            return None
        return found if isinstance(found, int) and found > 0 else None

    async def count_tokens(self, prompt: Prompt, model: str) -> int:
        call = self._row.tokenizing
        assert call is not None
        if isinstance(prompt, tuple):
            return len(prompt)
        asked: dict[str, object] = {"model": model}
        if not isinstance(prompt, Chat):
            asked[call.text] = prompt
        elif call.takes_chat:
            asked["messages"] = [message_fields(message) for message in prompt.messages]
        else:
            asked[call.text] = "\n".join(message.text for message in prompt.messages)
        try:
            answer = msgspec.json.decode(await self._api.post(call.path, asked), type=dict)
            return len(answer[call.tokens])
        except (*NETWORK_ERRORS, KeyError, TypeError) as error:
            raise EngineFailed(f"{self._row.title} did not count the tokens: {error}") from error


def samples(text: str) -> Mapping[str, Sequence[float]]:
    """Each metric's values, one for each combination of labels. What is no number is left out."""
    found: dict[str, list[float]] = {}
    for name, value in _SAMPLE.findall(text):
        try:
            number = float(value)
        except ValueError:
            continue
        if math.isfinite(number):
            found.setdefault(name, []).append(number)
    return found
