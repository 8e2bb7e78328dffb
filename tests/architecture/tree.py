"""The code as the architecture tests see it: files, syntax trees, module names."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "fastchat"


def repository_files() -> list[Path]:
    """What git would commit: tracked or new, and not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    paths = {ROOT / name for name in listed.stdout.split("\0") if name}
    return sorted(path for path in paths if path.is_file())


def package_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def commands() -> list[Path]:
    """The entry points: the public modules of `fastchat/serve`."""
    return [path for path in sorted((PACKAGE / "serve").glob("*.py")) if path.name[0] != "_"]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str:
    """`fastchat.worker` for `fastchat.worker.shell`."""
    return ".".join(module.split(".")[:2])


def place(path: Path, node: ast.stmt | ast.expr | ast.alias) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}"


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), path)


def imports(path: Path) -> Iterator[tuple[ast.alias, str]]:
    """Every import of a file, function-level ones too, with the full dotted name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((alias, f"{node.module}.{alias.name}") for alias in node.names)
