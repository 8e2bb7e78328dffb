"""The header of a GGUF file: what has to be known before llama.cpp is asked to load it.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from fastchat.core.errors import ConfigError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_DEFAULT_ALIGNMENT = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """`trained_length` is the context the model was trained for; None where nobody says."""

    architecture: str
    trained_length: int | None
    chat_template: str | None
    vocabulary_size: int


def read_header(path: Path) -> Header:
    """Raises `ConfigError` for anything but a whole GGUF file."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file, _mapped(file.fileno(), size) as data:
            return _header(path, _Reader(data), size)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (struct.error, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} ends or breaks in the middle of its header: it is incomplete or damaged, "
            "fetch it again"
        ) from error


def _mapped(descriptor: int, size: int) -> mmap.mmap:
    if size == 0:
        raise struct.error("the file is empty")
    return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)


@dataclass(slots=True)
class _Reader:
    data: mmap.mmap
    position: int = 0

    def number(self, form: str) -> int | float:
        (value,) = struct.unpack_from(f"<{form}", self.data, self.position)
        self.position += struct.calcsize(f"<{form}")
        return value  # type: ignore[no-any-return]  # struct cannot say what a format yields

    def count(self, form: str) -> int:
        return int(self.number(form))

    def text(self) -> str:
        length = self.count("Q")
        raw = self.data[self.position : self.position + length]
        if len(raw) < length:
            raise struct.error("a string ends beyond the file")
        self.position += length
        return raw.decode()

    def value(self) -> str | int | float:
        """Of an array, only its length is kept."""
        kind = self.count("I")
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self._skip_array()
        return self.number(_form(kind))

    def _skip_array(self) -> int:
        kind, length = self.count("I"), self.count("Q")
        if kind != _STRING:
            self.position += length * struct.calcsize(f"<{_form(kind)}")
            return length
        for _ in range(length):
            self.position += 8 + struct.unpack_from("<Q", self.data, self.position)[0]
        return length


def _form(kind: int) -> str:
    if kind not in _SCALARS:
        raise struct.error(f"unknown type {kind}")
    return _SCALARS[kind]


def _header(path: Path, reader: _Reader, size: int) -> Header:
    if reader.data[:4] != _MAGIC:
        raise ConfigError(f"{path} is not a GGUF file: give one, or a folder with a model")
    reader.position = 4
    version = reader.count("I")
    if version not in _VERSIONS:
        raise ConfigError(
            f"{path} is GGUF version {version}; versions 2 and 3 are understood: convert it again"
        )
    tensors, pairs = reader.count("Q"), reader.count("Q")
    values = {reader.text(): reader.value() for _ in range(pairs)}
    _check_extent(path, reader, tensors, size, int(values.get("general.alignment", 0)))
    architecture = str(values.get("general.architecture", ""))
    trained = values.get(f"{architecture}.context_length")
    template = values.get("tokenizer.chat_template")
    return Header(
        architecture=architecture,
        trained_length=None if trained is None else int(trained),
        chat_template=None if template is None else str(template),
        vocabulary_size=int(values.get("tokenizer.ggml.tokens", 0)),
    )


def _check_extent(path: Path, reader: _Reader, tensors: int, size: int, alignment: int) -> None:
    last = max((_tensor_offset(reader) for _ in range(tensors)), default=0)
    alignment = alignment or _DEFAULT_ALIGNMENT
    start = -(-reader.position // alignment) * alignment
    if tensors and start + last >= size:
        raise ConfigError(
            f"{path} is incomplete: it has {size} bytes, but its last tensor begins at byte "
            f"{start + last}; fetch it again"
        )


def _tensor_offset(reader: _Reader) -> int:
    reader.text()
    dimensions = reader.count("I")
    reader.position += 8 * dimensions + 4
    return reader.count("Q")
