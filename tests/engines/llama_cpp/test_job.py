"""Whatever llama.cpp does, the reader gets one end."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from fastchat.core.errors import ContextOverflow, EngineFailed, InvalidRequest, PlatformError
from fastchat.core.generation import Chunk
from fastchat.core.mailbox import Mailbox
from fastchat.engines.llama_cpp.grammars import Grammars
from fastchat.engines.llama_cpp.job import Job
from tests.engines.requests import ask

TIMINGS = b'"timings": {"cache_n": 1, "prompt_n": 2, "predicted_n": 1}'
WORD = b'{"choices": [{"text": "a", "finish_reason": null}], ' + TIMINGS + b"}"
END = b'{"choices": [{"text": "", "finish_reason": "stop"}], ' + TIMINGS + b"}"


@dataclass
class _Server:
    """Says its events until it is told to stop; then fails, if it should."""

    events: Sequence[bytes] = ()
    failure: Exception | None = None
    said: int = 0

    def handle_completions(self, _: bytes, callback: Callable[[bytes], bool], /) -> None:
        for event in self.events:
            self.said += 1
            if callback(event):
                return
        if self.failure is not None:
            raise self.failure

    def handle_metrics(self) -> str:
        return ""


def _mailbox() -> Mailbox[Chunk]:
    return Mailbox(asyncio.get_running_loop())


async def _to_the_end(mailbox: Mailbox[Chunk]) -> None:
    while True:
        await mailbox.take()


def _fault(type: str, extra: str = "") -> bytes:
    return f'{{"error": {{"code": 400, "message": "so", "type": "{type}"{extra}}}}}'.encode()


async def test_chunks_come_and_then_the_end() -> None:
    mailbox, server = _mailbox(), _Server([WORD, WORD, END, WORD])
    Job(ask(), b"", mailbox).run(server, Grammars())
    chunks = await mailbox.take()
    assert [chunk.text for chunk in chunks] == ["a", "a", ""]
    assert chunks[-1].finish_reason == "stop"
    assert server.said == 3


@pytest.mark.parametrize(
    ("server", "error"),
    [
        (_Server(), EngineFailed),
        (_Server([WORD]), EngineFailed),
        (_Server(failure=ValueError("no")), InvalidRequest),
        (_Server(failure=RuntimeError("no")), EngineFailed),
        (_Server([b"not json"]), EngineFailed),
        (_Server([_fault("invalid_request_error")]), InvalidRequest),
        (_Server([_fault("server_error")]), EngineFailed),
    ],
)
async def test_every_fault_is_an_error_of_ours(server: _Server, error: type[PlatformError]) -> None:
    mailbox = _mailbox()
    Job(ask(), b"", mailbox).run(server, Grammars())
    with pytest.raises(PlatformError) as raised:
        await _to_the_end(mailbox)
    assert type(raised.value) is error


async def test_an_overflow_says_how_much_was_too_much() -> None:
    mailbox = _mailbox()
    fault = _fault("exceed_context_size_error", ', "n_prompt_tokens": 9, "n_ctx": 8')
    Job(ask(), b"", mailbox).run(_Server([fault]), Grammars())
    with pytest.raises(ContextOverflow) as raised:
        await mailbox.take()
    assert (raised.value.prompt_tokens, raised.value.context_length) == (9, 8)


async def test_nobody_is_served_who_does_not_read() -> None:
    mailbox, server = _mailbox(), _Server([WORD, WORD])
    mailbox.close()
    Job(ask(), b"", mailbox).run(server, Grammars())
    assert server.said == 1
