import pytest

from fastchat.core import errors
from fastchat.core.errors import InvalidRequest, NoWorker, PlatformError
from fastchat.webui.assembly import ASSETS
from fastchat.webui.texts import load

TEXTS = load(ASSETS / "texts.toml")


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("ZH", "zh"),
        ("fr-FR,zh;q=0.5", "zh"),
        ("en-GB", "en"),
        ("tlh", "en"),
        ("", "en"),
        (";,;-,", "en"),
    ],
)
def test_the_browser_says_which_language(asked: str, spoken: str) -> None:
    assert TEXTS.of(asked) is TEXTS.languages[spoken]


@pytest.mark.parametrize("language", sorted(TEXTS.languages))
def test_every_code_has_a_sentence_in_every_language(language: str) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {str(kind.code) for kind in kinds if issubclass(kind, PlatformError)}
    assert set(TEXTS.languages[language].faults) == codes


def test_a_fault_names_the_model_or_the_reason() -> None:
    words = TEXTS.of("en")
    assert "for my-model" in words.fault(NoWorker("my-model"), "my-model")
    assert "bad {model}" in words.fault(InvalidRequest("bad {model}"), "m")
