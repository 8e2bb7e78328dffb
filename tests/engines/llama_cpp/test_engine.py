"""Slots, threads and the end of things, with the real model."""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from fastchat.core.constraints import JsonSchema
from fastchat.core.errors import EngineFailed, InvalidRequest, PlatformError
from fastchat.core.generation import Chunk, collect
from fastchat.engines.llama_cpp import Options, create
from fastchat.engines.llama_cpp.engine import LlamaCppEngine
from tests.engines.requests import STORY, ask, chat
from tests.servers import until

# Without it the model may end its answer when a test wants a long one.
ENDLESS: dict[str, Any] = {"logit_bias": {0: -100.0, 2: -100.0}}


async def _busy_slots(llama: LlamaCppEngine) -> int:
    assert llama._server is not None
    metrics = await asyncio.to_thread(llama._server.handle_metrics)
    lines = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line[0] != "#")
    return int(lines["llamacpp:requests_processing"]) + int(lines["llamacpp:requests_deferred"])


async def _until_busy(llama: LlamaCppEngine, slots: int) -> None:
    async with asyncio.timeout(20):
        while await _busy_slots(llama) != slots:
            pass


async def _cancelled(task: "asyncio.Task[Chunk]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def _long_prompt(first: str) -> str:
    """Different from its first word on, so that no slot knows any of it."""
    return f"{first} " + " ".join(f"word {number}" for number in range(100))


async def test_a_reader_who_leaves_while_tokens_come_frees_the_slot(llama: LlamaCppEngine) -> None:
    async with aclosing(llama.generate(ask(max_tokens=400, **ENDLESS))) as chunks:
        await anext(chunks)
        assert await _busy_slots(llama) == 1
    await _until_busy(llama, 0)
    again = await collect(llama.generate(ask(max_tokens=400, stop=("\n", " "), **ENDLESS)))
    assert again.usage.cached_tokens > 0


async def test_a_prompt_that_nobody_waits_for_is_not_read_to_its_end(llama: LlamaCppEngine) -> None:
    prompt = _long_prompt("Cancelled")
    task = asyncio.create_task(collect(llama.generate(ask(prompt, max_tokens=1))))
    await _until_busy(llama, 1)
    await _cancelled(task)
    await _until_busy(llama, 0)
    usage = (await collect(llama.generate(ask(prompt, max_tokens=1)))).usage
    assert usage.cached_tokens < usage.prompt_tokens - 1


async def test_a_request_that_waits_for_a_slot_is_forgotten_at_once(llama: LlamaCppEngine) -> None:
    async with (
        aclosing(llama.generate(ask("One", max_tokens=400, **ENDLESS))) as one,
        aclosing(llama.generate(ask("Two", max_tokens=400, **ENDLESS))) as two,
    ):
        await anext(one), await anext(two)
        waiting = asyncio.create_task(collect(llama.generate(ask("Three", max_tokens=1))))
        await until(lambda: len(llama._open) == 3)
        await _cancelled(waiting)
        assert await _busy_slots(llama) == 2
    await _until_busy(llama, 0)


async def test_who_waits_for_a_slot_gets_one(llama: LlamaCppEngine) -> None:
    requests = [ask(f"{number} {STORY}", max_tokens=4) for number in range(5)]
    answers = await asyncio.gather(*(collect(llama.generate(request)) for request in requests))
    assert [answer.finish_reason for answer in answers] == ["length"] * 5


async def test_bad_requests_leave_no_slot_taken(llama: LlamaCppEngine) -> None:
    bad = [
        ask("word " * 600),
        ask((10**6,)),
        ask(()),
        ask(""),
        ask(constraint=JsonSchema({"type": "strange"})),
    ]
    for request in bad:
        with pytest.raises(InvalidRequest):
            await collect(llama.generate(request))
    await _until_busy(llama, 0)
    assert (await collect(llama.generate(ask(max_tokens=2)))).usage.completion_tokens == 2


async def test_who_reads_slowly_holds_no_slot_and_loses_nothing(llama: LlamaCppEngine) -> None:
    whole = await collect(llama.generate(ask(max_tokens=30)))
    chunks = llama.generate(ask(max_tokens=30))
    seen = [await anext(chunks)]
    await _until_busy(llama, 0)
    seen += [chunk async for chunk in chunks]
    assert "".join(chunk.text for chunk in seen) == whole.text
    assert len(seen) < 30


async def test_characters_are_never_split(llama: LlamaCppEngine) -> None:
    request = ask("Bird:", constraint=JsonSchema({"const": "🦜é漢"}))
    chunks = [chunk async for chunk in llama.generate(request)]
    assert json.loads("".join(chunk.text for chunk in chunks)) == "🦜é漢"
    assert not any("\N{REPLACEMENT CHARACTER}" in chunk.text for chunk in chunks)


async def test_an_answer_cut_within_a_character_ends_before_it(llama: LlamaCppEngine) -> None:
    request = ask("Bird:", constraint=JsonSchema({"const": "🦜"}), max_tokens=2)
    assert (await collect(llama.generate(request))).text == '"'


async def test_a_replacement_character_that_was_meant_is_kept(llama: LlamaCppEngine) -> None:
    text = "x\N{REPLACEMENT CHARACTER}y"
    answer = await collect(llama.generate(ask("Bird:", constraint=JsonSchema({"const": text}))))
    assert json.loads(answer.text) == text


async def test_a_chat_is_rendered_by_the_models_own_template(llama: LlamaCppEngine) -> None:
    talk = chat("Hello.", "Hi.", "Bye.", system="Be kind.")
    rendered = await llama.render(talk)
    assert rendered == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHello.<|im_end|>\n"
        "<|im_start|>assistant\nHi.<|im_end|>\n<|im_start|>user\nBye.<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    by_chat, by_text = [
        await collect(llama.generate(ask(prompt, max_tokens=4))) for prompt in (talk, rendered)
    ]
    assert by_chat.usage.prompt_tokens == by_text.usage.prompt_tokens
    assert by_chat.text == by_text.text


async def test_an_answer_is_the_last_word_when_the_user_said_nothing_after_it(
    llama: LlamaCppEngine,
) -> None:
    """A new turn begins: nobody asked to go on with the old one."""
    rendered = await llama.render(chat("Hello.", "Hi."))
    assert rendered.endswith("Hi.<|im_end|>\n<|im_start|>assistant\n")


async def test_token_ids_say_the_same_as_their_text(llama: LlamaCppEngine) -> None:
    tokens = await llama.tokenize(STORY)
    assert await llama.detokenize(tokens) == STORY
    assert await llama.count_tokens(tuple(tokens)) == await llama.count_tokens(STORY)
    by_ids, by_text = [
        await collect(llama.generate(ask(prompt, max_tokens=4)))
        for prompt in (tuple(tokens), STORY)
    ]
    assert by_ids.usage.prompt_tokens == by_text.usage.prompt_tokens == len(tokens)
    assert by_ids.text == by_text.text


async def test_a_prompt_seen_before_is_not_computed_again(llama: LlamaCppEngine) -> None:
    request = ask(chat("What is a prefix?"), max_tokens=2)
    await collect(llama.generate(request))
    usage = (await collect(llama.generate(request))).usage
    assert usage.cached_tokens == usage.prompt_tokens - 1


@pytest.fixture
def small(smollm2_path: Path) -> LlamaCppEngine:
    options = Options(
        model=smollm2_path, names=("m",), slots=1, threads=1, context_length=256, seed=1
    )
    return create(options)


async def test_an_answer_fills_the_context_to_the_last_token(small: LlamaCppEngine) -> None:
    prompt = tuple(await small.tokenize("word " * 250))[:250]
    answer = await collect(small.generate(ask(prompt, **ENDLESS)))
    assert answer.usage.total_tokens == small.context_length == 256
    assert answer.finish_reason == "length"
    longer = await collect(small.generate(ask((*prompt, *prompt[:5]), max_tokens=99, **ENDLESS)))
    assert (longer.usage.total_tokens, longer.usage.completion_tokens) == (256, 1)
    await small.aclose()


async def test_the_engines_seed_serves_requests_without_one(small: LlamaCppEngine) -> None:
    request = ask(temperature=1.0, max_tokens=8)
    texts = {(await collect(small.generate(request))).text for _ in range(2)}
    assert len(texts) == 1
    await small.aclose()


async def test_closing_ends_what_runs_and_what_waits(small: LlamaCppEngine) -> None:
    running = small.generate(ask(**ENDLESS))
    await anext(running)
    waiting = asyncio.create_task(collect(small.generate(ask("Two"))))
    await until(lambda: len(small._open) == 2)
    await small.aclose()
    for end in (collect(running), waiting):
        with pytest.raises(EngineFailed, match="closed"):
            await end


async def test_a_closed_engine_says_so(small: LlamaCppEngine) -> None:
    await small.aclose()
    await small.aclose()
    with pytest.raises(PlatformError):
        await collect(small.generate(ask()))
    with pytest.raises(EngineFailed):
        await small.tokenize("text")


async def test_a_healthy_engine_is_silent(
    small: LlamaCppEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    await collect(small.generate(ask(max_tokens=2)))
    await small.aclose()
    assert capfd.readouterr() == ("", "")


def test_a_model_without_marks_for_it_fills_no_gaps(llama: LlamaCppEngine) -> None:
    assert "suffix" not in llama.features
