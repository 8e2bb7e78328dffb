"""`/v1/messages` and `/v1/messages/count_tokens`."""

import msgspec
from fastapi import APIRouter
from starlette.routing import Route

from fastchat.gateway.context import Context
from fastchat.gateway.frontends.anthropic import answer
from fastchat.gateway.frontends.anthropic.endpoint import Translated
from fastchat.gateway.frontends.anthropic.schema import COUNT, MESSAGES, Counting, MessagesRequest
from fastchat.gateway.frontends.anthropic.translate import chat_body, counted_body
from fastchat.protocol.codec import decode


def routes(context: Context) -> APIRouter:
    to = context.forwarder.to
    messages = Translated(inner=to(b"/v1/chat/completions"), request=_asked, whole=answer.message)
    count = Translated(inner=to(b"/tokenize"), request=_counted, whole=answer.tokens)
    return APIRouter(
        routes=[
            Route(MESSAGES, messages, methods=["POST"]),
            Route(COUNT, count, methods=["POST"]),
        ]
    )


def _asked(body: bytes) -> bytes:
    return msgspec.json.encode(chat_body(decode(body, MessagesRequest)))


def _counted(body: bytes) -> bytes:
    return msgspec.json.encode(counted_body(decode(body, Counting)))
