"""How a user teaches the platform a model of their own.

    class CustomAdapter(BaseModelAdapter):
        def match(self, model_path): return "custom-model" in model_path
        def load_model(self, model_path, from_pretrained_kwargs): ...

    register_model_adapter(CustomAdapter)

What was registered is asked before the built-in families, in the order of registration: the first
that matches is taken, so the special comes before the general.
"""

import os
from importlib import import_module
from typing import Any

from fastchat.conversation import Conversation, get_conv_template
from fastchat.core.errors import ConfigError
from fastchat.model.families import find_family
from fastchat.model.family import Family

__all__ = [
    "BaseModelAdapter",
    "get_conversation_template",
    "get_model_adapter",
    "register_model_adapter",
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
_registered: list[BaseModelAdapter] = []


def register_model_adapter(cls: type[BaseModelAdapter]) -> None:
    _registered.append(cls())


def get_model_adapter(model_path: str) -> BaseModelAdapter:
    """What was registered, else the family, else the base adapter."""
    for name in (os.path.basename(os.path.normpath(model_path)), model_path):
        for adapter in _registered:
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


def _transformers() -> Any:
    try:
        return import_module("transformers")
    except ImportError as error:
        raise ConfigError(
            "loading a model into this process needs transformers: "
            f"pip install 'fschat[model_worker]' ({error})"
        ) from None
