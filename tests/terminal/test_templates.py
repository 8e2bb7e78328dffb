"""`fastchat templates`: the prompt of a sample dialogue, and how a named template differs."""

from pathlib import Path

import pytest

from fastchat.core.errors import ConfigError
from fastchat.model.template import digest
from fastchat.terminal.templates import TemplatesConfig, templates
from tests.running import MODEL

PROMPT = (
    "<|im_start|>system\nS1.<|im_end|>\n"
    "<|im_start|>user\nu1<|im_end|>\n"
    "<|im_start|>assistant\na1<|im_end|>\n"
    "<|im_start|>user\nu2<|im_end|>\n"
    "<|im_start|>assistant\n"
)


async def shown(capsys: pytest.CaptureFixture[str], **words: str) -> tuple[bool, str]:
    is_well = await templates(TemplatesConfig(**{"model": MODEL, **words}))  # type: ignore[arg-type]  # texts only
    return is_well, capsys.readouterr().out


async def test_the_models_own_prompt_is_shown(
    smollm2_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    is_well, said = await shown(capsys, action="show")
    assert is_well
    assert said.endswith(f"\n\n{PROMPT}\n")
    assert f"hash      {digest(PROMPT)}\n" in said
    assert "family    smollm\ntemplate  own\n" in said


async def test_a_named_one_is_shown_in_its_place(
    smollm2_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, said = await shown(capsys, action="show", conv_template="vicuna_v1.1")
    assert "template  vicuna_v1.1\n" in said
    assert said.endswith("S1. USER: u1 ASSISTANT: a1</s>USER: u2 ASSISTANT:\n")


@pytest.mark.parametrize(("template", "is_same"), [("qwen-7b-chat", True), ("alpaca", False)])
async def test_lint_shows_the_tokens_that_differ(
    smollm2_path: Path, capsys: pytest.CaptureFixture[str], template: str, is_same: bool
) -> None:
    is_well, said = await shown(capsys, action="lint", conv_template=template)
    assert is_well is is_same
    assert said.endswith("\nthe same tokens\n") is is_same
    assert ("  - '<|im_start|>'\n" in said) is not is_same


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"action": "lint"}, "no family with a template"),
        ({"action": "show", "conv_template": "nothing"}, "choose from"),
        ({"action": "show", "conv_template": "gemini"}, "no prompt form"),
    ],
)
async def test_what_cannot_be_shown_says_why(
    smollm2_path: Path, capsys: pytest.CaptureFixture[str], words: dict[str, str], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        await shown(capsys, **words)
