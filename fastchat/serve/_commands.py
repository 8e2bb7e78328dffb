"""Every public module of this folder is a command."""

import ast
import pkgutil
from pathlib import Path

_SERVE = Path(__file__).parent


def commands(folder: Path = _SERVE) -> dict[str, Path]:
    """The name of every command and the file that it is."""
    names = (module.name for module in pkgutil.iter_modules([str(folder)]))
    return {name: folder / f"{name}.py" for name in sorted(names) if not name.startswith("_")}


def summary(path: Path) -> str:
    """The docstring's first line, read without importing: the help must not load an engine."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]
