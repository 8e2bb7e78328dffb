"""Adapters in files and in installed packages."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from fastchat.core.errors import ConfigError
from fastchat.model import model_adapter
from fastchat.model.adapter_files import GROUP, register_adapters
from fastchat.model.model_adapter import BaseModelAdapter, get_model_adapter

MINE = """
from fastchat.model.model_adapter import BaseModelAdapter

class Mine(BaseModelAdapter):
    def match(self, model_path): return "vicuna" in model_path
"""
GUIDES = """
from fastchat.model.model_adapter import BaseModelAdapter, register_model_adapter

class Base(BaseModelAdapter):
    def match(self, model_path): return False

class Custom(Base):
    def match(self, model_path): return "custom" in model_path

register_model_adapter(Custom)
"""


class Installed(BaseModelAdapter):
    def match(self, model_path: str) -> bool:
        return "vicuna" in model_path


@pytest.fixture(autouse=True)
def nothing_registered() -> Iterator[None]:
    before = list(model_adapter.model_adapters)
    model_adapter.model_adapters.clear()
    yield
    model_adapter.model_adapters[:] = before


@pytest.fixture
def write(tmp_path: Path) -> Path:
    return tmp_path / "mine.py"


def entry(value: str) -> EntryPoint:
    return EntryPoint(name="x", value=value, group=GROUP)


def test_a_file_is_asked_before_packages_and_families(write: Path) -> None:
    write.write_text(MINE)
    here = f"{__name__}:Installed"
    register_adapters([str(write)], [entry(here)])
    assert type(get_model_adapter("lmsys/vicuna-7b")).__name__ == "Mine"
    model_adapter.model_adapters.pop(0)
    assert type(get_model_adapter("lmsys/vicuna-7b")) is Installed


def test_an_installed_one_is_registered_once() -> None:
    for _ in range(2):
        register_adapters([], [entry(f"{__name__}:Installed")])
    assert len(model_adapter.model_adapters) == 1


def test_a_file_that_registers_by_itself_is_taken_at_its_word(write: Path) -> None:
    write.write_text(GUIDES)
    register_adapters([str(write)], [])
    assert [type(one).__name__ for one in model_adapter.model_adapters] == ["Custom"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("1 / 0", "ZeroDivisionError"), ("", "no class"), ("import nothing_of_that_name", "nothing")],
)
def test_a_file_without_adapters_says_why(write: Path, text: str, reason: str) -> None:
    write.write_text(text)
    with pytest.raises(ConfigError, match=reason):
        register_adapters([str(write)], [])


def test_what_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        register_adapters([str(tmp_path / "none.py")], [])
    (tmp_path / "mine.txt").write_text(MINE)
    with pytest.raises(ConfigError, match=r"\.py"):
        register_adapters([str(tmp_path / "mine.txt")], [])


@pytest.mark.parametrize("value", ["nothing_of_that_name:X", "builtins:int"])
def test_a_broken_package_is_named(value: str) -> None:
    with pytest.raises(ConfigError, match=value):
        register_adapters([], [entry(value)])
