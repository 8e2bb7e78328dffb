"""OpenAI's stream as Anthropic's: blocks that begin, grow and end. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from fastchat.gateway.frontends.anthropic import answer
from fastchat.gateway.frontends.anthropic.said import Answer, Call, Said
from fastchat.protocol.openai.told_usage import AnswerUsage

Kind = Literal["thinking", "text", "tool_use"]

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
# What reading JSON of others can raise.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_DATA = b"data:"
_ERROR = b'{"error"'


@dataclass(slots=True)
class Events:
    """Fed with bytes as they come; a line is read when it is whole. The counts come last in
    OpenAI's dialect, so the first event tells none and the last but one tells all."""

    id: str
    _held: bytes = b""
    _begun: bool = False
    _ended: bool = False
    _index: int = -1
    _kind: Kind | None = None
    _call: int | None = None
    _finish: str | None = None
    _usage: AnswerUsage | None = field(default=None)

    def read(self, data: bytes) -> bytes:
        *lines, self._held = (self._held + data).split(b"\n")
        return b"".join(event for line in lines for event in self._line(line.strip()))

    def rest(self) -> bytes:
        """What is left to say when nothing more comes: a stream without its end is broken."""
        if self._ended:
            return b""
        self._ended = True
        return _failed(b"", self.id)

    def _line(self, line: bytes) -> Iterator[bytes]:
        if line.startswith(b":"):
            yield PING
        if self._ended or not line.startswith(_DATA):
            return
        data = line.removeprefix(_DATA).strip()
        if data == b"[DONE]":
            yield from self._end()
        elif data.startswith(_ERROR):
            self._ended = True
            yield _failed(data, self.id)
        else:
            yield from self._decoded(data)

    def _decoded(self, data: bytes) -> Iterator[bytes]:
        try:
            chunk = msgspec.json.decode(data, type=Answer)
        except UNREADABLE:
            self._ended = True
            yield _failed(b"", self.id)
        else:
            yield from self._chunk(chunk)

    def _chunk(self, chunk: Answer) -> Iterator[bytes]:
        if not self._begun:
            self._begun = True
            yield _event("message_start", message=answer.head(chunk.id, chunk.model))
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices[:1]:
            yield from self._said(choice.delta or Said())
            self._finish = choice.finish_reason or self._finish

    def _said(self, said: Said) -> Iterator[bytes]:
        if said.thought:
            yield from self._in("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            yield self._grows({"type": "thinking_delta", "thinking": said.thought})
        if said.content:
            yield from self._in("text", {"type": "text", "text": ""})
            yield self._grows({"type": "text_delta", "text": said.content})
        for call in said.tool_calls or ():
            yield from self._called(call)

    def _called(self, call: Call) -> Iterator[bytes]:
        if call.index != self._call:
            yield from self._close()
            block = {
                "type": "tool_use",
                "id": call.id or "",
                "name": call.function.name or "",
                "input": {},
            }
            yield from self._in("tool_use", block)
            self._call = call.index
        if call.function.arguments:
            piece = {"type": "input_json_delta", "partial_json": call.function.arguments}
            yield self._grows(piece)

    def _in(self, kind: Kind, block: Mapping[str, object]) -> Iterator[bytes]:
        """The block that is open now is of this kind."""
        if self._kind == kind:
            return
        yield from self._close()
        self._kind = kind
        self._index += 1
        yield _event("content_block_start", index=self._index, content_block=block)

    def _grows(self, delta: Mapping[str, object]) -> bytes:
        return _event("content_block_delta", index=self._index, delta=delta)

    def _close(self) -> Iterator[bytes]:
        if self._kind is not None:
            yield _event("content_block_stop", index=self._index)
        self._kind = self._call = None

    def _end(self) -> Iterator[bytes]:
        self._ended = True
        yield from self._close()
        told = {"stop_reason": answer.stop_reason(self._finish), "stop_sequence": None}
        yield _event("message_delta", delta=told, usage=answer.usage(self._usage))
        yield _event("message_stop")


def _failed(said: bytes, id: str) -> bytes:
    return b"event: error\ndata: %b\n\n" % answer.error(500, said, id)[1]


def _event(type: str, **fields: object) -> bytes:
    data = msgspec.json.encode({"type": type} | fields)
    return b"event: %b\ndata: %b\n\n" % (type.encode(), data)
