"""What scripts for 0.2.36 import by name."""

import ast
import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

import fastchat.constants
import fastchat.utils
from fastchat.core import errors
from fastchat.utils import (
    get_context_length,
    is_partial_stop,
    is_sentence_complete,
    pretty_print_semaphore,
)


@pytest.mark.parametrize("module", [fastchat.constants, fastchat.utils])
def test_an_old_module_holds_nothing_of_its_own(module: object) -> None:
    tree = ast.parse(Path(str(vars(module)["__file__"])).read_text("utf-8"))
    docstring, *imports, names = tree.body
    assert isinstance(docstring, ast.Expr)
    assert all(isinstance(node, ast.ImportFrom) for node in imports)
    assert ast.unparse(names).startswith("__all__ = ")


def test_every_error_of_ours_has_a_code_that_scripts_know() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.code for kind in kinds if issubclass(kind, errors.PlatformError)}
    assert codes <= {int(code) for code in fastchat.constants.ErrorCode}


def test_settings_follow_the_environment_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASTCHAT_WORKER_API_TIMEOUT", raising=False)
    seen = [fastchat.constants.WORKER_API_TIMEOUT]
    monkeypatch.setenv("FASTCHAT_WORKER_API_TIMEOUT", "300")
    seen.append(fastchat.constants.WORKER_API_TIMEOUT)
    assert seen == [100, 300]
    with pytest.raises(AttributeError):
        _ = fastchat.constants.NOTHING


@pytest.mark.parametrize(
    ("config", "length"),
    [
        ({"max_position_embeddings": 4096}, 4096),
        ({"max_position_embeddings": 4096, "rope_scaling": {"factor": 2.0}}, 8192),
        ({"seq_length": 8, "rope_scaling": {"rope_type": "default"}}, 8),
        ({"max_sequence_length": None, "model_max_length": 7}, 7),
        ({}, 2048),
    ],
)
def test_a_context_is_as_long_as_the_configuration_says(
    config: dict[str, object], length: int
) -> None:
    assert get_context_length(SimpleNamespace(**config)) == length


def test_the_small_questions_about_a_text() -> None:
    assert is_partial_stop("Hello ##", "###")
    assert is_partial_stop("Hello ###", "###")
    assert not is_partial_stop("Hello", "###")
    assert is_sentence_complete("So it is.")
    assert not is_sentence_complete("So it")


def test_a_semaphore_is_told_in_one_line() -> None:
    assert pretty_print_semaphore(asyncio.Semaphore(5)) == "Semaphore(value=5, locked=False)"
    assert pretty_print_semaphore(None) == "None"
