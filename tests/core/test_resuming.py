from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from fastchat.core.generation import Chunk, GenerationRequest, Prompt, Usage, collect
from fastchat.core.resuming import resuming


@dataclass
class Words:
    """Says two words, and counts words."""

    asked: list[GenerationRequest] = field(default_factory=list)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        self.asked.append(request)
        usage = Usage(prompt_tokens=99, completion_tokens=2, cached_tokens=1)
        yield Chunk(text=" c d", usage=usage, finish_reason="stop")

    async def count(self, prompt: Prompt) -> int:
        return len(str(prompt).split())


def request(said: str | None, max_tokens: int | None = None) -> GenerationRequest:
    return GenerationRequest(
        id="r",
        model="m",
        prompt="x y z",
        max_tokens=max_tokens,
        continue_from=f"given {said}" if said else "given",
        resumed=said,
    )


async def test_what_is_not_resumed_is_left_alone() -> None:
    words = Words()
    asked = request(None, 5)
    answer = await collect(resuming(words.generate, words.count)(asked))
    assert (words.asked, answer.usage.prompt_tokens) == ([asked], 99)


async def test_counts_and_limits_are_those_of_the_whole_answer() -> None:
    words = Words()
    answer = await collect(resuming(words.generate, words.count)(request("a b", 5)))
    assert answer.usage == Usage(prompt_tokens=3, completion_tokens=4, cached_tokens=1)
    assert (words.asked[0].max_tokens, words.asked[0].continue_from) == (3, "given a b")
    assert words.asked[0].resumed is None


async def test_an_answer_that_is_full_asks_no_engine() -> None:
    words = Words()
    answer = await collect(resuming(words.generate, words.count)(request("a b", 2)))
    assert (answer.text, answer.finish_reason, words.asked) == ("", "length", [])
    assert answer.usage == Usage(prompt_tokens=3, completion_tokens=2)
