import pytest

from fastchat.core.errors import ConfigError
from fastchat.core.registry import Registry

SHAPES: Registry[type] = Registry("shape", {"list": "builtins:list", "dict": "builtins:dict"})


def test_a_name_leads_to_its_thing() -> None:
    assert SHAPES.load("list") is list
    assert list(SHAPES) == ["dict", "list"]
    assert "dict" in SHAPES


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="unknown shape 'set': choose from dict, list"):
        SHAPES.load("set")


def test_installed_packages_may_join_but_not_replace() -> None:
    scripts: Registry[object] = Registry("script", {"pytest": "builtins:len"}, group="pytest11")
    assert "asyncio" in scripts
    assert scripts.load("pytest") is len
