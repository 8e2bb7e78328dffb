from dataclasses import dataclass
from pathlib import Path

import pytest

from fastchat.core import config
from fastchat.core.config import flag
from fastchat.core.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What it does.

    More about it.

        an example
        and another
    """

    port: int = flag(1, help="a port", env="SAMPLE_PORT", at_least=0, at_most=65535)
    level: float | None = flag(None, help="a level")
    keys: tuple[str, ...] = flag((), help="some keys", env="SAMPLE_KEYS", secret=True)
    way: str = flag("a", help="a way", choices=lambda: ["a", "b"], env="SAMPLE_WAY")
    quiet: bool = flag(False, help="say less")
    place: Path = flag(Path("."), help="a place", names=("--where",))

    def __post_init__(self) -> None:
        if self.port == 13:
            raise ConfigError("--port 13 brings bad luck")


def parse(*argv: str, **environ: str) -> Sample:
    return config.parse(Sample, argv, environ=environ)


def test_defaults_are_the_fields_own() -> None:
    assert parse() == Sample()


def test_flags_are_spelled_like_fields_and_by_their_other_names() -> None:
    assert parse("--port", "5", "--level", "0.5", "--quiet") == Sample(
        port=5, level=0.5, quiet=True
    )
    assert parse("--where", "/x").place == Path("/x")


@pytest.mark.parametrize("argv", [["a", "b", "c"], ["a,b,c"], ["a,", "b", ",c"]])
def test_words_may_be_given_with_blanks_or_commas(argv: list[str]) -> None:
    assert parse("--keys", *argv).keys == ("a", "b", "c")


def test_the_environment_replaces_a_default_and_a_flag_replaces_both() -> None:
    assert parse(SAMPLE_PORT="7").port == 7
    assert parse("--port", "8", SAMPLE_PORT="7").port == 8
    assert parse(SAMPLE_KEYS="a b").keys == ("a", "b")
    assert parse(SAMPLE_PORT="").port == 1


@pytest.mark.parametrize(
    "environ", [{"SAMPLE_PORT": "x"}, {"SAMPLE_PORT": "70000"}, {"SAMPLE_WAY": "c"}]
)
def test_a_fault_in_the_environment_names_the_variable(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(environ))):
        parse(**environ)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--port", "x"], "--port"),
        (["--way", "c"], "choose from"),
        (["--nothing"], "--nothing"),
        (["--quite"], "did you mean --quiet?"),
        (["--port", "70000"], "--port: 70000 is too large: give a number from 0 to 65535"),
        (["--level", "nan"], "--level: nan is not a number to work with"),
        (["--port", "13"], "bad luck"),
    ],
)
def test_a_bad_command_line_ends_with_status_2_and_a_reason(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(*argv)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_help_says_defaults_and_variables_but_no_secret_of_the_environment() -> None:
    text = config.parser(Sample, environ={"SAMPLE_KEYS": "hush", "SAMPLE_PORT": "9"}).format_help()
    assert "a port (default: 1; environment: SAMPLE_PORT)" in text
    assert "What it does.\n\nMore about it.\n\n    an example\n    and another\n" in text
    assert "hush" not in text


def test_secrets_are_not_shown_in_the_log() -> None:
    shown = config.shown(Sample(keys=("hush",)))
    assert shown.startswith("Namespace(port=1, level=None, keys=***")
    assert "hush" not in shown


@pytest.mark.parametrize(
    ("argv", "exposed"),
    [(["--keys", "a"], ["--keys"]), (["--keys=a"], ["--keys"]), (["--port", "1"], []), ([], [])],
)
def test_secrets_on_the_command_line_are_noticed(argv: list[str], exposed: list[str]) -> None:
    assert config.exposed_secrets(Sample, argv) == exposed


def test_a_folder_may_be_none() -> None:
    assert config.folder_or_none("") is None
    assert config.folder_or_none("x") == Path("x")


def test_the_supervisor_is_known_by_its_number() -> None:
    assert config.supervisor({"FASTCHAT_SUPERVISED": "12"}) == 12
    assert config.supervisor({}) is None
    assert config.supervisor({"FASTCHAT_SUPERVISED": "yes"}) is None


def test_positional_words_stay_whole() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Files:
        paths: tuple[str, ...] = flag((), positional=True, help="files")

    assert config.parse(Files, ["My Model.gguf", "a,b"], environ={}).paths == (
        "My Model.gguf",
        "a,b",
    )
    assert config.parse(Files, [], environ={}).paths == ()
