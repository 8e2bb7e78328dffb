"""Every family is one file in this folder. The folder is read; there is no list to keep."""

import json
import os
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from fastchat.model.family import Family, most_specific

__all__ = ["families", "find_family"]


@cache
def families() -> Mapping[str, Family]:
    names = [found.name for found in pkgutil.iter_modules(__path__)]
    found = [import_module(f"{__name__}.{name}").FAMILY for name in names]
    return {family.name: family for family in found}


def find_family(model_path: str) -> Family | None:
    """The family of a hub id or a local folder, by its name. None for a model unknown by name.

    A folder with a PEFT adapter belongs to the family of its base model.
    """
    return most_specific(families().values(), _base_model(model_path) or model_path)


def _base_model(model_path: str) -> str | None:
    try:
        with open(os.path.join(model_path, "adapter_config.json"), encoding="utf-8") as file:
            base = json.load(file)["base_model_name_or_path"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return base if isinstance(base, str) else None
