"""Entry points parse, build and run; nothing else lives in them."""

import ast
from pathlib import Path

import pytest

from tests.architecture.tree import commands, tree

every_command = pytest.mark.parametrize("path", commands(), ids=lambda path: path.stem)


@every_command
def test_an_entry_point_fits_on_a_page(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40


@every_command
def test_an_entry_point_defines_no_class(path: Path) -> None:
    assert not [node for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]


@every_command
def test_an_entry_point_has_a_main_without_required_arguments(path: Path) -> None:
    mains = [n for n in tree(path).body if isinstance(n, ast.FunctionDef) and n.name == "main"]
    assert len(mains) == 1
    assert len(mains[0].args.args) == len(mains[0].args.defaults)


@every_command
def test_an_entry_point_says_in_one_line_what_it_starts(path: Path) -> None:
    summary = (ast.get_docstring(tree(path)) or "").partition("\n")[0]
    assert summary.endswith((".", ":")) or "`" in summary


@every_command
def test_an_entry_point_runs_as_a_module(path: Path) -> None:
    last = tree(path).body[-1]
    assert ast.unparse(last) == "if __name__ == '__main__':\n    main()"
