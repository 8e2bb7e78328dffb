"""How a user teaches the platform a model of their own.

    class CustomAdapter(BaseModelAdapter):
        def match(self, model_path): return "custom-model" in model_path
        def load_model(self, model_path, from_pretrained_kwargs): ...

    register_model_adapter(CustomAdapter)

What was registered is asked before the built-in families, in the order of registration: the first
that matches is taken, so the special comes before the general.
"""

import argparse
import os
import sys
from importlib import import_module
from typing import Any

from fastchat.conversation import Conversation, get_conv_template
from fastchat.core.errors import ConfigError
from fastchat.model.families import find_family
from fastchat.model.family import Family
from fastchat.model.weights import DEFAULT_MODEL

__all__ = [
    "BaseModelAdapter",
    "add_model_args",
    "get_conversation_template",
    "get_model_adapter",
    "load_model",
    "model_adapters",
    "register_model_adapter",
    "remove_parent_directory_name",
]


class BaseModelAdapter:
    """Any model of the Hugging Face kind, and the class to derive from."""

    use_fast_tokenizer = True

    def match(self, model_path: str) -> bool:
        """Asked with the last part of the path first, and then with the whole path."""
        return True

    def load_model(
        self, model_path: str, from_pretrained_kwargs: dict[str, Any]
    ) -> tuple[Any, Any]:
        """The model and its tokenizer. Code from the hub runs only with `trust_remote_code`."""
        transformers = _transformers()
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            model_path,
            use_fast=self.use_fast_tokenizer,
            revision=from_pretrained_kwargs.get("revision", "main"),
            trust_remote_code=from_pretrained_kwargs.get("trust_remote_code", False),
        )
        model = transformers.AutoModelForCausalLM.from_pretrained(
            model_path, **from_pretrained_kwargs
        )
        return model, tokenizer

    def get_default_conv_template(self, model_path: str) -> Conversation:
        return get_conv_template("one_shot")


class FamilyAdapter(BaseModelAdapter):
    """A built-in family, in the shape in which scripts know adapters."""

    def __init__(self, family: Family) -> None:
        self.family = family

    def match(self, model_path: str) -> bool:
        return self.family == find_family(model_path)

    def get_default_conv_template(self, model_path: str) -> Conversation:
        if self.family.template is None:
            return super().get_default_conv_template(model_path)
        return get_conv_template(self.family.template)


# One list for the whole process, because `register_model_adapter` has always been a function.
model_adapters: list[BaseModelAdapter] = []


def register_model_adapter(cls: type[BaseModelAdapter]) -> None:
    model_adapters.append(cls())


def get_model_adapter(model_path: str) -> BaseModelAdapter:
    """What was registered, else the family, else the base adapter."""
    for name in (remove_parent_directory_name(model_path), model_path):
        for adapter in model_adapters:
            if adapter.match(name):
                return adapter
    family = find_family(model_path)
    return FamilyAdapter(family) if family else BaseModelAdapter()


def get_conversation_template(model_path: str) -> Conversation:
    """The template for a model path; `one_shot` for a model unknown by name.

    Workers do not use this: they prefer the chat template that comes with the model, and put no
    example before a conversation that they know nothing about.
    """
    return get_model_adapter(model_path).get_default_conv_template(model_path)


def remove_parent_directory_name(model_path: str) -> str:
    return os.path.basename(os.path.normpath(model_path))


def load_model(
    model_path: str,
    device: str = "cuda",
    num_gpus: int = 1,
    max_gpu_memory: str | None = None,
    dtype: Any = None,
    load_8bit: bool = False,
    cpu_offloading: bool = False,
    gptq_config: Any = None,
    awq_config: Any = None,
    exllama_config: Any = None,
    xft_config: Any = None,
    revision: str = "main",
    debug: bool = False,
) -> tuple[Any, Any]:
    """The model and its tokenizer, on one device of this process, as scripts for 0.2.36 ask.

    Workers load otherwise (`fastchat.engines`), and can do what is refused here.
    Raises `ConfigError`.
    """
    beyond = {
        "num_gpus": num_gpus != 1,
        "max_gpu_memory": max_gpu_memory is not None,
        "load_8bit": load_8bit,
        "cpu_offloading": cpu_offloading,
        "gptq_config": gptq_config is not None,
        "awq_config": awq_config is not None,
        "exllama_config": exllama_config is not None,
        "xft_config": xft_config is not None,
    }
    if given := [name for name, is_given in beyond.items() if is_given]:
        raise ConfigError(
            f"load_model does not do {', '.join(given)}: leave it out, or serve the model with "
            "python3 -m fastchat.serve.model_worker, whose --help says what it can"
        )
    kwargs: dict[str, Any] = {"revision": revision}
    if dtype is not None:
        kwargs["dtype"] = dtype
    model, tokenizer = get_model_adapter(model_path).load_model(model_path, kwargs)
    model.to(device)
    if debug:
        sys.stdout.write(f"{model}\n")
    return model, tokenizer


def add_model_args(parser: argparse.ArgumentParser) -> None:
    """The flags that `load_model` takes, under the names that scripts read them by."""
    parser.add_argument("--model-path", default=DEFAULT_MODEL, help="folder or hub id")
    parser.add_argument("--revision", default="main", help="branch, tag or commit on the hub")
    parser.add_argument("--device", default="cuda", help="where to run: cuda, cpu, mps, xpu, npu")
    parser.add_argument("--gpus", help="which GPUs, as in CUDA_VISIBLE_DEVICES")
    parser.add_argument("--num-gpus", type=int, default=1)
    parser.add_argument("--max-gpu-memory", help="memory on each GPU, such as 13GiB")
    parser.add_argument("--dtype", choices=["float32", "float16", "bfloat16"])
    parser.add_argument("--load-8bit", action="store_true")
    parser.add_argument("--cpu-offloading", action="store_true")


def _transformers() -> Any:
    try:
        return import_module("transformers")
    except ImportError as error:
        raise ConfigError(
            "loading a model into this process needs transformers: "
            f"pip install 'fschat[model_worker]' ({error})"
        ) from None
