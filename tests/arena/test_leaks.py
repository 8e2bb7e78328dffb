"""An answer that gives away who wrote it, and one that only speaks of companies."""

import pytest

from fastchat.arena.leaks import names_itself

PAIR = ("smollm2-135m-instruct", "qwen2.5-coder")


@pytest.mark.parametrize(
    "answer",
    [
        "I am ChatGPT, how can I help?",
        "I'm Claude, an AI assistant made by Anthropic.",
        "Hello! I\u2019m a large language model trained by Google.",
        "As an AI language model developed by OpenAI, I cannot.",
        "My name is Vicuna.",
        "I was trained by researchers from LMSYS.",
        "我是通义千问,由阿里云开发。",
        "我是由智谱AI训练的语言模型",
        "This is smollm2-135m-instruct speaking.",
        "I AM GPT-4",
    ],
)
def test_a_model_that_names_itself_leaks(answer: str) -> None:
    assert names_itself(answer, PAIR)


@pytest.mark.parametrize(
    "answer",
    [
        "OpenAI was founded in 2015 and Google in 1998.",
        "The llama is a South American animal.",
        "I am fond of poems by Claude McKay.",
        "Paris is the capital of France.",
        "A language model predicts the next word.",
        "谷歌和百度是两家公司。",
        "",
    ],
)
def test_speaking_of_others_is_no_leak(answer: str) -> None:
    assert not names_itself(answer, PAIR)


def test_a_short_name_is_a_word_like_others() -> None:
    assert not names_itself("an echo in the hills", ("echo", "m"))


def test_a_long_answer_takes_no_time() -> None:
    assert not names_itself("I " * 10_000 + "as a language model " * 1000, PAIR)
