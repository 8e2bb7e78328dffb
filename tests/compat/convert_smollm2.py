"""Turn the built-in model's GGUF file into the Hugging Face folder that FastChat 0.2.36 can load.

    original/bin/python tests/compat/convert_smollm2.py FILE.gguf FOLDER

The weights are what de-quantising yields: good for functional tests, not for quoting quality.
"""

import argparse
import json
from importlib import import_module
from pathlib import Path
from typing import Any

TOKENS = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}


def convert(gguf: Path, folder: Path) -> None:
    torch = import_module("torch")
    transformers = import_module("transformers")
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    model = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(**source).save_pretrained(folder)


def repair_tokenizer(folder: Path) -> None:
    """The import from GGUF adds a second `<|im_start|>` to every prompt and mixes up the ends."""
    _change(folder / "tokenizer.json", {"post_processor": None})
    _change(
        folder / "tokenizer_config.json",
        TOKENS
        | {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": 8192,
            "clean_up_tokenization_spaces": False,
        },
    )
    _change(folder / "special_tokens_map.json", TOKENS)
    (folder / "tokenizer.model").unlink(missing_ok=True)  # it is the GGUF file once more


def _change(file: Path, changes: dict[str, Any]) -> None:
    content = json.loads(file.read_text("utf-8")) | changes
    content.pop("add_bos_token", None)
    file.write_text(json.dumps(content, ensure_ascii=False), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("gguf", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    convert(arguments.gguf, arguments.folder)
    repair_tokenizer(arguments.folder)


if __name__ == "__main__":
    main()
