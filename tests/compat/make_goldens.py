"""Ask FastChat 0.2.36 itself what it does, and write its answers down in `goldens/`.

Run by hand, never by the test suite, in an environment that holds the original and nothing else:

    python3.11 -m venv original
    original/bin/pip install --no-deps fschat==0.2.36
    original/bin/python tests/compat/make_goldens.py

Nothing of torch or transformers is needed: what the original imports and does not find is replaced
by a stand-in, because choosing a template touches no tensor.

`templates.json`  the fields of each template, as `/worker_get_conv_template` sends them
`prompts.json`    per template and conversation a digest of the prompt, and one of the other forms
                  (`dict`, OpenAI messages, chatbot pairs); one conversation also in clear
`families.json`   the adapter classes, and per model name the class and the template chosen
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

GOLDENS = Path(__file__).parent / "goldens"
OPEN = None

# Turn by turn; users and assistants alternate. `system` is left out where the template's own stays.
CONVERSATIONS: dict[str, dict[str, Any]] = {
    "nothing said": {"turns": []},
    "open turn": {"turns": ["Hello!", OPEN]},
    "several turns": {"turns": ["Hello!", "Hi there.", "How are you?", OPEN]},
    "answered": {"turns": ["Hello!", "Hi there."]},
    "question last": {"turns": ["Hello!", "Hi there.", "And now?"]},
    "empty system message": {"system": "", "turns": ["Hello!", "Hi.", "Why?", OPEN]},
    "changed system message": {
        "system": "Answer like a {pirate}.\nBe brief: ünï, 简体, 🏴.",
        "turns": ["Hello!", "Arr.", "Why?", OPEN],
    },
    "unicode": {"turns": ["Größe 你好 🙂 \u2028\u00a0é", "naïve \uff5c \u200b", "你\uff1a", OPEN]},
    "line ends": {"turns": ["\na\r\n\r\nb\n\n\n\nc\n", " x \n", "\t", OPEN]},
    "empty messages": {"turns": ["", "Hi.", "", OPEN]},
    "an open turn in the middle": {"turns": ["Hello!", OPEN, "Still there?", OPEN]},
    "text that looks like a separator": {"turns": ["a<n>", "</s>###", "end <n>nn>", OPEN]},
    "images": {"turns": [("Look <image>\nhere", ["aGVsbG8=", "eA=="]), "I see.", "More", OPEN]},
}
IN_CLEAR = "several turns"


class StandIns(MetaPathFinder, Loader):
    """Any module that is not installed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.startswith("fastchat"):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return MagicMock(name=spec.name, __spec__=spec, __path__=[])

    def exec_module(self, module: ModuleType) -> None:
        pass


def digest(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def held(template: Any, script: Mapping[str, Any]) -> Any:
    """The template with the conversation in it."""
    conversation = template.copy()
    if "system" in script:
        conversation.set_system_message(script["system"])
    for i, turn in enumerate(script["turns"]):
        conversation.append_message(conversation.roles[i % 2], turn)
    return conversation


def prompt(conversation: Any) -> str | None:
    """None where the original has no answer: no style, or images in a style that knows none."""
    pictured = any(isinstance(message, tuple) for _, message in conversation.messages)
    if conversation.sep_style is None or (pictured and conversation.sep_style != 2):
        return None
    return str(conversation.get_prompt())


def prompts(templates: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, template in templates.items():
        digests = {}
        for title, script in CONVERSATIONS.items():
            conversation = held(template, script)
            text = prompt(conversation)
            forms = [
                conversation.dict(),
                conversation.to_openai_api_messages(),
                conversation.to_gradio_chatbot(),
                conversation.get_images(),
            ]
            digests[title] = [text if text is None else digest(text), digest(forms)]
        in_clear = prompt(held(template, CONVERSATIONS[IN_CLEAR]))
        found[name] = {"in_clear": in_clear, "digests": digests}
    return {"conversations": CONVERSATIONS, "in_clear": IN_CLEAR, "templates": found}


def fields(template: Any) -> dict[str, Any]:
    return {
        "name": template.name,
        "system_template": template.system_template,
        "system_message": template.system_message,
        "roles": template.roles,
        "messages": template.messages,
        "offset": template.offset,
        "sep_style": template.sep_style,
        "sep": template.sep,
        "sep2": template.sep2,
        "stop_str": template.stop_str,
        "stop_token_ids": template.stop_token_ids,
    }


def families(names: Iterable[str]) -> dict[str, Any]:
    original = import_module("fastchat.model.model_adapter")
    chosen = {
        name: [
            type(original.get_model_adapter(name)).__name__,
            original.get_conversation_template(name).name,
        ]
        for name in names
    }
    adapters = [type(adapter).__name__ for adapter in original.model_adapters]
    return {"adapters": adapters, "models": chosen}


def known_names() -> list[str]:
    """What the original names in its own tables, and the hub ids of `model_names.txt`."""
    described = import_module("fastchat.model.model_registry").model_info
    adapter = import_module("fastchat.model.model_adapter")
    remote = {*adapter.OPENAI_MODEL_LIST, *adapter.ANTHROPIC_MODEL_LIST}
    listed = (GOLDENS / "model_names.txt").read_text("utf-8").split()
    return sorted({*described, *remote, *listed})


def write(name: str, value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    (GOLDENS / name).write_text(text + "\n", "utf-8")


def is_the_original() -> bool:
    """Not the package beside this script, which a PYTHONPATH puts before the original."""
    ours = Path(__file__).parents[2] / "fastchat"
    found = import_module("fastchat")
    return found.__version__ == "0.2.36" and str(ours) not in found.__path__


def main() -> None:
    if not is_the_original():
        sys.exit("this is not FastChat 0.2.36: read the top of this file")
    sys.meta_path.append(StandIns())
    original = import_module("fastchat.conversation")
    styles = {style.name: int(style) for style in original.SeparatorStyle}
    described = {name: fields(template) for name, template in original.conv_templates.items()}
    write("templates.json", {"styles": styles, "templates": described})
    write("prompts.json", prompts(original.conv_templates))
    write("families.json", families(known_names()))


if __name__ == "__main__":
    main()
