"""What the package imports is what it declares."""

import re
import sys
import tomllib
from collections.abc import Iterable

from tests.architecture.tree import ROOT, imports, package_files

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Those that are imported under another name than the one they are installed by.
IMPORTED_AS = {"nvidia_ml_py": "pynvml", "opentelemetry_sdk": "opentelemetry"}
EXTRAS = {name: deps for name, deps in PROJECT["optional-dependencies"].items() if name != "test"}


def _names(requirements: Iterable[str]) -> set[str]:
    """`{"prometheus_client"}` for `["prometheus-client>=0.20,<1"]`."""
    found = {re.split(r"[^\w-]", line)[0].replace("-", "_") for line in requirements}
    return {IMPORTED_AS.get(name, name) for name in found}


def test_every_package_that_is_imported_is_declared() -> None:
    imported = {name.split(".")[0] for path in package_files() for _, name in imports(path)}
    declared = _names(PROJECT["dependencies"]).union(*map(_names, EXTRAS.values()))
    assert imported - sys.stdlib_module_names - {"fastchat"} <= declared


def test_every_dependency_is_named_somewhere_in_the_package() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in package_files())
    unused = {name for name in _names(PROJECT["dependencies"]) if name not in text}
    assert unused == set()


def test_every_dependency_has_a_lower_and_an_upper_bound() -> None:
    lines = [*PROJECT["dependencies"], *(line for deps in EXTRAS.values() for line in deps)]
    assert [line for line in lines if not re.search(r">=.*<|~=|==", line)] == []


def test_every_dependency_has_its_exact_version_in_the_constraints() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pinned = _names(line for line in text.splitlines() if "==" in line)
    wanted = PROJECT["optional-dependencies"].values()
    assert _names(PROJECT["dependencies"]).union(*map(_names, wanted)) <= pinned
