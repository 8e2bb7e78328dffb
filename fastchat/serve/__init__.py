"""Entry points: parse flags, build, run. Every public module of this folder is a command."""

import ast
import pkgutil
import signal
import sys
from pathlib import Path

__all__ = ["commands", "summary"]

# Python names its argument list so while it looks for the module that `-m` is to run, and only
# then: Ctrl-C during the imports of a command ends it without a traceback.
if sys.argv[:1] == ["-m"]:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

_SERVE = Path(__file__).parent


def commands(folder: Path = _SERVE) -> dict[str, Path]:
    """The name of every command and the file that it is."""
    names = (module.name for module in pkgutil.iter_modules([str(folder)]))
    return {name: folder / f"{name}.py" for name in sorted(names) if not name.startswith("_")}


def summary(path: Path) -> str:
    """The docstring's first line, read without importing: the help must not load an engine."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]
