"""Public means listed in the package's `__all__`; private means a leading underscore."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import (
    imports,
    module_name,
    package_files,
    package_of,
    place,
    tree,
)

every_package = pytest.mark.parametrize(
    "path", [path for path in package_files() if path.name == "__init__.py"], ids=module_name
)


def _defined(path: Path) -> Iterator[str]:
    """What the package itself defines, or takes from its own modules to show it."""
    for node in tree(path).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.ImportFrom(module=str(module)) if module.startswith(module_name(path)):
                names = (alias.asname or alias.name for alias in node.names)
                yield from (name for name in names if not _is_module(path.parent / name))


def _is_module(path: Path) -> bool:
    return path.is_dir() or path.with_suffix(".py").is_file()


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name == "__version__"


def _listed(path: Path) -> list[str]:
    for node in tree(path).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def _private_part(module: str, name: str) -> bool:
    """Whether `module` reaches into what another package of ours keeps to itself."""
    parts = name.split(".")
    hidden = any(part.startswith("_") and not part.startswith("__") for part in parts)
    return parts[0] == "fastchat" and hidden and package_of(module) != package_of(name)


@every_package
def test_a_package_lists_what_it_shows(path: Path) -> None:
    assert set(_listed(path)) == set(filter(_is_public, _defined(path)))


def test_nobody_imports_the_private_names_of_another_package() -> None:
    reaching = [
        f"{place(path, alias)} {name}"
        for path in package_files()
        for alias, name in imports(path)
        if _private_part(module_name(path), name)
    ]
    assert reaching == []
