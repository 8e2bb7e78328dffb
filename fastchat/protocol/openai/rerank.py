"""Documents in the order in which they answer a query, as Jina, Cohere and vLLM spell it."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from fastchat.core.errors import InvalidRequest
from fastchat.core.generation import Ranking
from fastchat.protocol.checks import within

# The path of Cohere's second version, whose answers never repeat the documents.
WITHOUT_DOCUMENTS = "/v2/rerank"
PATHS = ("/v1/rerank", "/rerank", WITHOUT_DOCUMENTS)


class Document(msgspec.Struct, frozen=True):
    text: str


Documents = Annotated[list[str | Document], Meta(min_length=1, max_length=2048)]


class RerankRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`top_n` None: all of them."""

    query: str
    documents: Documents
    model: str | None = None
    top_n: int | None = None
    return_documents: bool | None = None


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """`index` is the place in the request."""

    index: int
    relevance_score: float
    document: Document | UnsetType = UNSET


class RerankUsage(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int
    total_tokens: int


class RerankAnswer(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    model: str
    results: list[Ranked]
    usage: RerankUsage


def texts(request: RerankRequest) -> list[str]:
    """Raises `InvalidRequest`, also for a `top_n` that is none."""
    if not request.query:
        raise InvalidRequest("query: it is empty", param="query")
    if request.top_n is not None:
        within("top_n", request.top_n, 1, None)
    return [one if isinstance(one, str) else one.text for one in request.documents]


def answer(
    request: RerankRequest, ranking: Ranking, *, id: str, model: str, path: str
) -> RerankAnswer:
    """The best first. Of two that are as good the one comes first that did so in the request."""
    documents, scores = texts(request), ranking.scores
    shows = request.return_documents
    if shows is None:
        shows = path != WITHOUT_DOCUMENTS
    best = sorted(range(len(scores)), key=lambda index: (-scores[index], index))
    return RerankAnswer(
        id=f"rerank-{id}",
        model=model,
        results=[
            Ranked(
                index=index,
                relevance_score=scores[index],
                document=Document(documents[index]) if shows else UNSET,
            )
            for index in best[: request.top_n]
        ],
        usage=RerankUsage(prompt_tokens=ranking.prompt_tokens, total_tokens=ranking.prompt_tokens),
    )
