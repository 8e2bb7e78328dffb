"""A traceback or a careless log line shows values as they show themselves: without secrets."""

import ast
from collections.abc import Iterator

import pytest

from fastchat.client import Neighbours
from fastchat.controller.trust import Trust
from fastchat.core.config import read
from fastchat.core.upstream import Upstream
from fastchat.gateway.config import GatewayConfig
from fastchat.gateway.keys import KeyRing
from tests.architecture.tree import ROOT, repository_files

SECRET = "sk-secret-17"
CALLED = {"token", "_token", "cluster_token", "api_key", "api_keys", "engine_key"}


def dataclasses(tree: ast.AST) -> Iterator[ast.ClassDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            marks = " ".join(map(ast.unparse, node.decorator_list))
            if "dataclass" in marks and "repr=False" not in marks:
                yield node


def shown(tree: ast.AST) -> Iterator[str]:
    """Fields that are called like secrets and that a dataclass shows."""
    for one in dataclasses(tree):
        for line in one.body:
            if not isinstance(line, ast.AnnAssign) or ast.unparse(line.target) not in CALLED:
                continue
            value = "" if line.value is None else ast.unparse(line.value)
            if ast.unparse(line.annotation) == "str":
                continue  # a token of a text: ours may all be missing
            if "repr=False" not in value and "secret=True" not in value:
                yield f"{one.name}.{ast.unparse(line.target)}"


def test_no_dataclass_shows_what_is_called_like_a_secret() -> None:
    sources = [path for path in repository_files() if path.is_relative_to(ROOT / "fastchat")]
    trees = [ast.parse(path.read_text()) for path in sources if path.suffix == ".py"]
    assert [name for tree in trees for name in shown(tree)] == []


@pytest.mark.parametrize(
    "value",
    [
        Upstream("h", 1, headers=((b"authorization", f"Bearer {SECRET}".encode()),)),
        read(
            GatewayConfig,
            [
                f"--api-keys={SECRET}",
                f"--cluster-token={SECRET}",
                f"--database-url=postgresql://u:{SECRET}@h/d",
            ],
            environ={},
        ),
        Neighbours("http://c", SECRET, 1),
        Trust(SECRET),
        KeyRing.of([SECRET]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_that_hold_a_secret_do_not_show_it(value: object) -> None:
    assert SECRET not in repr(value)
    assert SECRET not in str(value)
