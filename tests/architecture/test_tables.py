"""A table names only modules of its own package, so strings cannot smuggle an upward import."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastchat.core.registry import Registry
from tests.architecture.tree import module_name, package_files, package_of, tree


def _is_table(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Call):
        return False
    return ast.unparse(node.value.func).partition("[")[0] == "Registry"


def _tables(path: Path) -> Iterator[tuple[str, Registry[object]]]:
    """The tables that a module defines, not those that it imports."""
    for node in filter(_is_table, tree(path).body):
        assert isinstance(node, ast.Assign | ast.AnnAssign)
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        module = importlib.import_module(module_name(path))
        yield module.__name__, getattr(module, ast.unparse(target))


ROWS = [
    (module, table, name)
    for path in package_files()
    for module, table in _tables(path)
    for name in table._table
]
every_row = pytest.mark.parametrize(
    ("module", "table", "name"), ROWS, ids=[f"{table.kind}-{name}" for _, table, name in ROWS]
)


def test_there_are_tables() -> None:
    assert "engine" in {table.kind for _, table, _ in ROWS}


@every_row
def test_a_row_stays_in_the_package_of_its_table(
    module: str, table: Registry[object], name: str
) -> None:
    assert table._table[name].startswith(f"{package_of(module)}.")


@every_row
def test_a_row_leads_somewhere(module: str, table: Registry[object], name: str) -> None:
    try:
        assert table.load(name) is not None
    except ModuleNotFoundError as missing:
        if str(missing.name).startswith("fastchat"):
            raise
        pytest.skip(f"{missing.name} is not installed: it belongs to an extra")
