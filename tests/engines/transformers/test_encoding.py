"""Sentence encoders and cross-encoders, with the real MiniLM, beside sentence-transformers."""

import asyncio
import base64
import json
import os
import random
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from fastchat.core.errors import ConfigError, ContextOverflow, EngineFailed, Unsupported
from fastchat.core.generation import Embeds, Engine, Reranks, collect
from fastchat.dispatch import Table
from fastchat.engines.transformers import Options, create
from fastchat.engines.transformers.encoding import EmbeddingEngine, RankingEngine
from fastchat.protocol.cluster import WorkerEntry
from tests.apps import gateway_service, worker_app
from tests.engines.requests import ask
from tests.engines.transformers import sentence_vectors
from tests.servers import serving
from tools.fetch_minilm import minilm

pytestmark = pytest.mark.transformers

TEXTS = [
    "The weather is lovely today.",
    "Es ist so sonnig draußen! 今天天气很好。",
    "x",
    " ".join(f"word{number}" for number in range(40)),
    "He drove to the stadium.",
]


TOO_LONG = "word " * 400


def options(model: Path, **changes: Any) -> Options:
    given: dict[str, Any] = {"names": ("m",), "threads": 1, "device": "cpu"}
    return Options(model=model, **given | changes)


@pytest.fixture(scope="module")
def encoder() -> Iterator[EmbeddingEngine]:
    engine = create(options(minilm()))
    assert isinstance(engine, EmbeddingEngine)
    yield engine
    asyncio.run(engine.aclose())


@pytest.fixture(scope="module")
def wanted() -> list[list[float]]:
    """The vectors that sentence-transformers makes of the texts, and of one that it cuts off."""
    return theirs(minilm(), [*TEXTS, TOO_LONG])


def theirs(folder: Path, texts: Sequence[Any], *words: str) -> list[list[float]]:
    """What sentence-transformers says, in an environment of its own."""
    python = os.environ["SENTENCES_PYTHON"]
    done = subprocess.run(
        [python, sentence_vectors.__file__, *words, str(folder)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: list[list[float]] = json.loads(done.stdout)
    return found


async def test_vectors_are_those_of_sentence_transformers(
    encoder: EmbeddingEngine, wanted: list[list[float]]
) -> None:
    found = await encoder.embed(TEXTS)
    for ours, vector in zip(found.vectors, wanted[: len(TEXTS)], strict=True):
        assert ours == pytest.approx(vector, abs=1e-5)
    assert found.prompt_tokens == sum(
        [len(encoder._encoder.encoded(text)["input_ids"]) for text in TEXTS]
    )


async def test_a_text_that_is_too_long_is_refused_or_cut_off_where_that_was_asked_for(
    encoder: EmbeddingEngine, wanted: list[list[float]]
) -> None:
    with pytest.raises(ContextOverflow):
        await encoder.embed(["fine", TOO_LONG])
    cutting = create(options(minilm(), embed_in_truncate=True))
    assert isinstance(cutting, Embeds)
    found = await cutting.embed([TOO_LONG])
    await cutting.aclose()
    assert found.prompt_tokens == 256
    assert found.vectors[0] == pytest.approx(wanted[-1], abs=1e-5)


async def test_through_gateway_and_sdk_as_numbers_and_packed(wanted: list[list[float]]) -> None:
    async with served(create(options(minilm()))) as client:
        for encoding in ("float", "base64"):  # the SDK asks for the second one if nobody says
            answer = await client.embeddings.create(
                model="m",
                input=TEXTS[0],
                encoding_format=encoding,
            )
            vector: Any = answer.data[0].embedding
            if isinstance(vector, str):
                vector = struct.unpack("<384f", base64.b64decode(vector))
            assert vector == pytest.approx(wanted[0], abs=1e-5)
        plain = (await client.embeddings.create(model="m", input=TEXTS[:1])).data[0].embedding
        short = await client.embeddings.create(model="m", input=TEXTS[:1], dimensions=64)
    assert plain == pytest.approx(wanted[0], abs=1e-5)
    cut = short.data[0].embedding
    assert len(cut) == 64
    assert sum(number**2 for number in cut) == pytest.approx(1)
    assert cut[1] / cut[0] == pytest.approx(wanted[0][1] / wanted[0][0], rel=1e-3)


async def test_a_sentence_encoder_says_where_its_answers_are(encoder: EmbeddingEngine) -> None:
    with pytest.raises(Unsupported, match="/v1/embeddings"):
        await collect(encoder.generate(ask("Hello")))


async def test_jobs_take_turns_and_end_when_nobody_waits(encoder: EmbeddingEngine) -> None:
    long = asyncio.create_task(encoder.embed([f"{n} " + "word " * 200 for n in range(64)]))
    await asyncio.sleep(0)
    await encoder.embed(["short"])
    assert not long.done()
    long.cancel()
    with suppress(asyncio.CancelledError):
        await long
    await encoder.embed(["short"])


@pytest.fixture
def cross_encoder(tmp_path: Path) -> Path:
    """A random one: no cross-encoder's weights can be had as a package."""
    import torch
    import transformers

    torch.manual_seed(1)
    config = transformers.AutoConfig.from_pretrained(minilm(), num_labels=1)
    config.num_hidden_layers = 2
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    torch.nn.init.normal_(model.classifier.weight, std=0.5)
    model.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(minilm()).save_pretrained(tmp_path)
    return tmp_path


async def test_a_cross_encoder_scores_as_sentence_transformers_does(cross_encoder: Path) -> None:
    engine = create(options(cross_encoder))
    assert isinstance(engine, RankingEngine)
    assert not isinstance(engine, Embeds)
    found = await engine.rerank("Where is the sun?", TEXTS)
    pairs = [["Where is the sun?", text] for text in TEXTS]
    said = await asyncio.to_thread(theirs, cross_encoder, pairs, "--pairs")
    assert found.scores == pytest.approx([score for [score] in said], abs=1e-5)
    async with served(engine) as client:
        ask = {"model": "m", "query": "Where is the sun?", "documents": TEXTS, "top_n": 2}
        answer: Any = await client.post("/rerank", body=ask, cast_to=object)
    best = max(range(len(TEXTS)), key=lambda place: found.scores[place])
    assert answer["results"][0]["document"] == {"text": TEXTS[best]}
    assert len(answer["results"]) == 2
    with pytest.raises(EngineFailed, match="closed"):
        await engine.rerank("a", ["b"])


def test_what_no_encoder_honours_is_refused_by_name(cross_encoder: Path) -> None:
    with pytest.raises(ConfigError, match="--cache-tokens, --load-8bit"):
        create(options(minilm(), load_8bit=True, cache_tokens=100))
    config = json.loads((cross_encoder / "config.json").read_text())
    config["id2label"] = {"0": "a", "1": "b"}
    config["label2id"] = {"a": 0, "b": 1}
    (cross_encoder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="2 classes"):
        create(options(cross_encoder))


async def test_a_model_that_makes_text_has_vectors_as_well(hf: Engine) -> None:
    """Long texts go in pieces, short ones together: it makes no difference."""
    assert isinstance(hf, Embeds)
    assert not isinstance(hf, Reranks)
    long = "Once upon a time there was a lighthouse at the end of the world. " * 12
    together = await hf.embed([long, "short", "another one"])
    alone = [(await hf.embed([text])).vectors[0] for text in (long, "short", "another one")]
    for one, other in zip(together.vectors, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
        assert sum(number**2 for number in one) == pytest.approx(1)
    assert together.vectors[1] != pytest.approx(together.vectors[2], abs=1e-2)


@asynccontextmanager
async def served(engine: Engine) -> AsyncIterator[AsyncOpenAI]:
    """The engine behind a worker and an API server, on sockets."""
    table = Table(time.monotonic, random.Random(1))
    gateway = gateway_service(table, report=lambda _: None)
    async with (
        serving(worker_app(engine)) as worker,
        serving(gateway.app, endpoints=gateway.endpoints) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="any") as client,
    ):
        table.put(WorkerEntry(address=worker, model_names=("m",), dialects=("openai",)))
        yield client
