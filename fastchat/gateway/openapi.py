"""What is forwarded as bytes, described for whoever reads `/openapi.json` all the same."""

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import FastAPI

from fastchat.gateway.frontends.anthropic import schema as anthropic
from fastchat.protocol import abort
from fastchat.protocol.arena import VoteRequest
from fastchat.protocol.openai import rerank
from fastchat.protocol.openai.embeddings import EmbeddingRequest
from fastchat.protocol.openai.requests import (
    ChatRequest,
    CompletionRequest,
    DetokenizeRequest,
    TokenizeRequest,
)

_BODIES: Mapping[str, type] = {
    "/v1/chat/completions": ChatRequest,
    "/v1/completions": CompletionRequest,
    "/v1/embeddings": EmbeddingRequest,
    **dict.fromkeys(rerank.PATHS, rerank.RerankRequest),
    "/tokenize": TokenizeRequest,
    "/detokenize": DetokenizeRequest,
    abort.PATH: abort.AbortRequest,
    "/api/v1/chat/completions": ChatRequest,
    anthropic.MESSAGES: anthropic.MessagesRequest,
    anthropic.COUNT: anthropic.Counting,
    "/v1/arena/vote": VoteRequest,
}
_ANSWERS = {
    "200": "the answer, or a stream of server-sent events where `stream` is true",
    "4XX": "the request is at fault: `error.param` names the field",
    "5XX": "a worker is: ask again, `Retry-After` tells when",
}


class DescribedAPI(FastAPI):
    """Adds the forwarded routes to the document."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        kinds = list(dict.fromkeys(_BODIES.values()))
        schemas, components = msgspec.json.schema_components(
            kinds, ref_template="#/components/schemas/{name}"
        )
        by_kind = dict(zip(kinds, schemas, strict=True))
        document.setdefault("components", {}).setdefault("schemas", {}).update(components)
        for path, kind in _BODIES.items():
            document["paths"].setdefault(path, {})["post"] = _operation(path, by_kind[kind])
        return document


def _operation(path: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "operationId": path.strip("/").replace("/", "_"),
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {status: {"description": said} for status, said in _ANSWERS.items()},
    }
