import struct
from pathlib import Path

import pytest

from fastchat.core.errors import ConfigError
from fastchat.engines.llama_cpp.gguf import read_header


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def write_gguf(path: Path, *, version: int = 3, architecture: str = "odd", tail: int = 64) -> Path:
    """One tensor that begins at byte 0 of the data; `tail` bytes of data."""
    pairs = [
        _string("general.architecture") + struct.pack("<I", 8) + _string(architecture),
        _string(f"{architecture}.context_length") + struct.pack("<II", 4, 77),
        _string("some.numbers") + struct.pack("<IIQ3f", 9, 6, 3, 1.0, 2.0, 3.0),
        _string("tokenizer.ggml.tokens")
        + struct.pack("<IIQ", 9, 8, 2)
        + _string("a")
        + _string("é"),
    ]
    tensor = _string("t") + struct.pack("<IQIQ", 1, 16, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", version, 1, len(pairs)) + b"".join(pairs) + tensor
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(tail))
    return path


def test_the_header_tells_about_the_model(tmp_path: Path) -> None:
    header = read_header(write_gguf(tmp_path / "m.gguf"))
    assert (header.architecture, header.trained_length) == ("odd", 77)
    assert (header.vocabulary_size, header.chat_template) == (2, None)


def test_the_header_of_a_real_model(smollm2_path: Path) -> None:
    header = read_header(smollm2_path)
    assert (header.architecture, header.trained_length) == ("llama", 8192)
    assert header.vocabulary_size == 49152
    assert "<|im_start|>" in str(header.chat_template)


@pytest.mark.parametrize("size", [0, 3, 20, 60, 200])
def test_a_file_that_ends_in_its_header_is_incomplete(tmp_path: Path, size: int) -> None:
    path = write_gguf(tmp_path / "m.gguf")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ConfigError, match=r"incomplete|not a GGUF file"):
        read_header(path)


def test_a_file_without_its_tensors_is_incomplete(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="incomplete: it has"):
        read_header(write_gguf(tmp_path / "m.gguf", tail=0))


def test_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="GGUF version 9"):
        read_header(write_gguf(tmp_path / "m.gguf", version=9))


def test_something_else_is_not_a_gguf_file(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_text("Hello, this is not a model.")
    with pytest.raises(ConfigError, match="not a GGUF file"):
        read_header(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.gguf cannot be read: No such file"):
        read_header(tmp_path / "nowhere.gguf")
