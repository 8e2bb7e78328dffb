"""What holds for every file, and what the files say about each other."""

import ast
import re
from pathlib import Path

import fastchat
from tests.architecture.tree import ROOT, repository_files

REGISTRY = re.compile(
    r"pypi[.]org|pythonhosted[.]org|registry[.]npmjs|npmjs[.]com|yarnpkg[.]com|deb[.]debian"
    r"|security[.]debian|archive[.]ubuntu|conda[.]anaconda|crates[.]io",
    re.IGNORECASE,
)


def _texts() -> list[tuple[Path, str]]:
    read = ((path, path.read_bytes()) for path in repository_files())
    return [(path, raw.decode()) for path, raw in read if b"\0" not in raw]


def test_no_file_names_a_package_registry() -> None:
    naming = [str(path.relative_to(ROOT)) for path, text in _texts() if REGISTRY.search(text)]
    assert naming == []


def test_no_file_names_a_folder_of_this_machine() -> None:
    folders = [f"{folder}/" for folder in (ROOT, ROOT.parent, Path.home()) if folder != Path("/")]
    naming = [
        f"{path.relative_to(ROOT)}: {folder}"
        for path, text in _texts()
        for folder in folders
        if re.search(rf"(?<![\w.~$}}-]){re.escape(folder)}", text)
    ]
    assert naming == []


def test_the_tests_that_the_threats_name_are_there() -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", (ROOT / "SECURITY.md").read_text())
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_python_file_is_python_3_11() -> None:
    for path in repository_files():
        if path.suffix == ".py":
            ast.parse(path.read_text(encoding="utf-8"), path, feature_version=(3, 11))


def test_the_changelog_begins_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\S+)", text, re.MULTILINE)
    assert versions[0] == fastchat.__version__


def test_make_help_explains_every_target() -> None:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):(?!=)", lines, re.MULTILINE)
    explained = re.findall(r"^([a-z-]+):.*## \S", lines, re.MULTILINE)
    assert targets == explained
