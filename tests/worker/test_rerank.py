"""Rerank as Jina, Cohere and vLLM spell it, by an engine that has it."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import pytest

from fastchat.core.generation import Ranking
from tests.scripted import ScriptedEngine

ASK = {"model": "m", "query": "q", "documents": ["a", "ccc", {"text": "bb"}, "zz"]}


@dataclass
class RankingEngine(ScriptedEngine):
    """Longer documents are better."""

    async def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        return Ranking(scores=[len(text) / 4 for text in documents], prompt_tokens=9)


@pytest.fixture
def engine() -> RankingEngine:
    return RankingEngine()


async def test_the_best_document_comes_first(worker: httpx.AsyncClient) -> None:
    answer = await worker.post("/v1/rerank", json=ASK, headers={"x-request-id": "7"})
    assert answer.json() == {
        "id": "rerank-7",
        "model": "m",
        "results": [
            {"index": 1, "relevance_score": 0.75, "document": {"text": "ccc"}},
            {"index": 2, "relevance_score": 0.5, "document": {"text": "bb"}},
            {"index": 3, "relevance_score": 0.5, "document": {"text": "zz"}},
            {"index": 0, "relevance_score": 0.25, "document": {"text": "a"}},
        ],
        "usage": {"prompt_tokens": 9, "total_tokens": 9},
    }


@pytest.mark.parametrize(
    ("path", "change"), [("/rerank", {"return_documents": False}), ("/v2/rerank", {})]
)
async def test_as_many_as_are_wanted_and_only_their_places(
    worker: httpx.AsyncClient, path: str, change: dict[str, object]
) -> None:
    answer = await worker.post(path, json=ASK | change | {"top_n": 1})
    assert answer.json()["results"] == [{"index": 1, "relevance_score": 0.75}]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"query": ""}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": [1]}, "documents[0]"),
        ({"top_n": 0}, "top_n"),
    ],
)
async def test_a_bad_field_is_named(
    worker: httpx.AsyncClient, change: dict[str, object], param: str
) -> None:
    answer = await worker.post("/v1/rerank", json=ASK | change)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_another_model_is_refused(worker: httpx.AsyncClient) -> None:
    assert (await worker.post("/v1/rerank", json=ASK | {"model": "x"})).status_code == 404


class TestWithoutTheAbility:
    @pytest.fixture
    def engine(self) -> ScriptedEngine:
        return ScriptedEngine()

    async def test_it_is_refused_by_name(self, worker: httpx.AsyncClient) -> None:
        answer = await worker.post("/v1/rerank", json=ASK)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "rerank")
