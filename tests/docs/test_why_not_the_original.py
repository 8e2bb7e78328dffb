"""What the page says is shown is shown by tests that exist."""

import ast
import re

import pytest

from tests.docs.blocks import ROOT

PAGE = (ROOT / "docs" / "why-not-the-original.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d+) \| (.+) \| (.*) \| (.*?) ?\|$", PAGE, re.MULTILINE)
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", PAGE)))


def test_every_weakness_has_its_row() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, 34))


def test_a_row_names_a_test_or_is_open() -> None:
    silent = [number for number, _, here, shown in ROWS if not shown and "**open**" not in here]
    assert silent == []


@pytest.mark.parametrize("name", TESTS)
def test_a_named_test_exists(name: str) -> None:
    file, function = name.split("::")
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    defined = [n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert function in defined
