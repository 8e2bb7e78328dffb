import pytest

from fastchat.core.config import parse
from fastchat.webui.config import ArenaConfig, PageConfig


@pytest.mark.parametrize("flag", ["--controller", "--controller-address", "--controller-url"])
def test_the_controller_has_three_spellings(flag: str) -> None:
    config = parse(PageConfig, [flag, "http://c:1"], environ={})
    assert (config.controller_address, config.host, config.port) == ("http://c:1", "0.0.0.0", 7860)


def test_no_pickle_is_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(ArenaConfig, ["--elo-results-file", "elo.pkl"], environ={})
    assert "a pickle runs whatever its author wrote" in capsys.readouterr().err


def test_a_weight_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(ArenaConfig, ["--arena-weights", "m"], environ={})
    assert "give NAME=WEIGHT" in capsys.readouterr().err
    assert parse(ArenaConfig, ["--arena-weights", "m=2", "n=0"], environ={}).draw.weights == {
        "m": 2.0,
        "n": 0.0,
    }


def test_pictures_in_battles_are_asked_for() -> None:
    for name in ("--multimodal", "--vision-arena"):
        assert parse(ArenaConfig, [name], environ={}).multimodal


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["--share"], "tunnel"),
        (["--moderate"], "not sent to OpenAI"),
        (["--controller-url", "c:1"], "not a URL"),
        (["--controller-url", ""], "--register-api-endpoint-file"),
        (["--concurrency-count", "0"], "at least 1"),
        (["--model-list-mode", "twice"], "invalid choice"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    argv: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(PageConfig, argv, environ={})
    assert reason in capsys.readouterr().err
