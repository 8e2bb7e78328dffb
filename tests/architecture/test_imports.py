"""Importing a module defines things and does nothing else."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import (
    PACKAGE,
    ROOT,
    commands,
    imports,
    module_name,
    package_files,
    place,
    tree,
)

STANDARD = sys.stdlib_module_names | {"fastchat", "prometheus_client"}
HEAVY = {
    "aiohttp", "alembic", "fastapi", "gradio", "sqlalchemy", "torch", "transformers", "uvicorn",
    "xllamacpp",
}  # fmt: skip


ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.getenvb"}


def _python(*arguments: str, path: Path = ROOT) -> str:
    command = [sys.executable, "-W", "error", *arguments]
    environ = os.environ | {"PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _modules_after(*statements: str) -> set[str]:
    lines = ["import sys, json", *statements, "print(json.dumps(sorted(sys.modules)))"]
    return set(json.loads(_python("-c", "\n".join(lines)).splitlines()[-1]))


def test_importing_the_distribution_loads_nothing_else() -> None:
    assert _modules_after("import fastchat") - _modules_after() == {"fastchat"}


def test_the_help_of_the_commands_loads_none_of_them() -> None:
    loaded = _modules_after("from fastchat.__main__ import main", "main([])")
    known = {"fastchat.__main__", "fastchat.serve"}
    assert {name for name in loaded if name.startswith("fastchat.")} == known
    assert not loaded & HEAVY


def test_the_help_of_a_command_loads_no_tensors_no_pages_and_no_database() -> None:
    slow = {"alembic", "gradio", "sqlalchemy", "torch", "transformers", "xllamacpp"}
    steps = ["import sys, json", "by = {}"]
    for name in map(module_name, commands()):
        steps.append(f"import {name}; by[{name!r}] = sorted({slow} & set(sys.modules))")
    loaded = json.loads(_python("-c", "\n".join([*steps, "print(json.dumps(by))"])))
    assert len(loaded) > 30
    assert {name: what for name, what in loaded.items() if what} == {}


def test_importing_a_module_does_nothing() -> None:
    modules = [module_name(path) for path in package_files()]
    assert json.loads(_python("-m", "tests.architecture.import_probe", *modules)) == {}


def test_the_probe_sees_deeds(tmp_path: Path) -> None:
    deeds = {
        "open('note', 'w')": "open 'note' to write",
        "import socket; socket.socket().close()": "socket.",
        "import subprocess; subprocess.run(['true'])": "subprocess.Popen",
        "import logging; logging.basicConfig()": "a logger was configured",
        "import os; os.environ['A'] = 'b'": "the environment changed",
        "import sys; sys.stdout = sys.stderr": "a standard stream was replaced",
    }
    doers = [f"doer{number}" for number in range(len(deeds))]
    for name, deed in zip(doers, deeds, strict=True):
        code = f"import os; os.chdir({str(tmp_path)!r}); {deed}\n"
        (tmp_path / f"{name}.py").write_text(code)
    did = json.loads(_python("-m", "tests.architecture.import_probe", *doers, path=tmp_path))
    for name, seen in zip(doers, deeds.values(), strict=True):
        assert any(seen in what for what in did[name]), (name, did)


def test_only_the_configuration_reads_the_environment() -> None:
    config = PACKAGE / "core" / "config"
    others = [path for path in package_files() if config not in path.parents]
    attributes = [
        place(path, node)
        for path in others
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ENVIRONMENT
    ]
    imported = [
        place(path, alias)
        for path in others
        for alias, name in imports(path)
        if name in ENVIRONMENT
    ]
    assert attributes + imported == []


def test_the_core_needs_the_standard_library_only() -> None:
    foreign = [
        f"{place(path, alias)} {name}"
        for path in package_files()
        if path.is_relative_to(PACKAGE / "core")
        for alias, name in imports(path)
        if name.partition(".")[0] not in STANDARD
    ]
    assert foreign == []
