"""What llama.cpp tells only over HTTP: tokens of a text, text of tokens, the rendered chat.

Its server listens on loopback and asks for a key that never leaves this process.
"""

import asyncio
import json
import socket
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from fastchat.core.errors import EngineFailed, InvalidRequest
from fastchat.core.generation import Chat
from fastchat.protocol.openai.fields import effort_arguments, server_message, tool_field

# Threads of the server, each held by one connection: so connections are short.
THREADS = 2
_TIMEOUT_S = 60.0


class SideDoor:
    def __init__(self, address: str, key: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = str(parts.hostname), int(parts.port or 0)
        self._key = key

    def slot_length(self) -> int:
        """Tokens that one slot really holds: llama.cpp rounds what it was asked for. Blocks."""
        return int(self._asked("GET", "/slots", b"")[0]["n_ctx"])

    def is_token(self, mark: str) -> bool:
        """Whether the vocabulary has it, as one. Blocks."""
        payload = {"content": mark, "add_special": False, "parse_special": True}
        return len(self._asked("POST", "/tokenize", json.dumps(payload).encode())["tokens"]) == 1

    async def tokenize(self, text: str) -> Sequence[int]:
        payload = {"content": text, "add_special": True, "parse_special": True}
        return [int(id) for id in (await self._post("/tokenize", payload))["tokens"]]

    async def detokenize(self, token_ids: Sequence[int]) -> str:
        return str((await self._post("/detokenize", {"tokens": list(token_ids)}))["content"])

    async def render(self, chat: Chat) -> str:
        payload: dict[str, object] = {
            "messages": [server_message(message) for message in chat.messages]
        }
        if chat.offers_tools:
            payload["tools"] = [tool_field(tool) for tool in chat.tools]
        if chat.reasoning_effort is not None:
            payload["chat_template_kwargs"] = effort_arguments(chat.reasoning_effort)
        try:
            return str((await self._post("/apply-template", payload))["prompt"])
        except InvalidRequest as error:
            reason = error.message.splitlines()[-1]  # before it stands the template's source
            message = f"The model's chat template refuses these messages: {reason}"
            raise InvalidRequest(message, param="messages") from None

    def _asked(self, method: str, path: str, body: bytes) -> Any:
        with socket.create_connection((self._host, self._port), _TIMEOUT_S) as connection:
            connection.sendall(self._request(method, path, body))
            return _answer(b"".join(iter(lambda: connection.recv(1 << 16), b"")))

    async def _post(self, path: str, payload: Mapping[str, object]) -> Any:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(self._host, self._port)
                try:
                    writer.write(self._request("POST", path, json.dumps(payload).encode()))
                    raw = await reader.read()
                finally:
                    writer.close()
        except OSError as error:
            raise EngineFailed(f"llama.cpp does not answer on {path}: {error}") from error
        return _answer(raw)

    def _request(self, method: str, path: str, body: bytes) -> bytes:
        head = (
            f"{method} {path} HTTP/1.1",
            f"Host: {self._host}:{self._port}",
            f"Authorization: Bearer {self._key}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
        )
        return "\r\n".join((*head, "", "")).encode() + body


def _answer(raw: bytes) -> Any:
    """Raises what llama.cpp says: `InvalidRequest`, or `EngineFailed`."""
    head, _, body = raw.partition(b"\r\n\r\n")
    try:
        status = int(head.split(b" ", 2)[1])
        answer = json.loads(body)
    except (IndexError, ValueError) as error:
        raise EngineFailed("llama.cpp closed the connection without an answer.") from error
    if status == HTTPStatus.OK:
        return answer
    message = str(answer["error"]["message"])
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise EngineFailed(f"llama.cpp failed: {message}")
    raise InvalidRequest(message)
