"""`fastchat keys`."""

from pathlib import Path

import pytest

from fastchat.core.api_keys import digest_of
from fastchat.core.database import DatabaseUrl
from fastchat.core.errors import ConfigError
from fastchat.storage import Database, keys
from fastchat.terminal.keys import KeysConfig, run

NOW = 1_800_000_000.0


class Command:
    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'fastchat.db'}"

    def __call__(self, action: str, name: str = "", **values: object) -> None:
        config = KeysConfig(
            action=action,
            name=name,
            database_url=DatabaseUrl.parse(self.url),
            **values,  # type: ignore[arg-type]  # the tests' own values
        )
        run(config, wall_clock=lambda: NOW, random_hex=lambda size: name[0] * size)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_a_key_is_shown_once_and_stored_as_a_hash(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    command("add", "ada", models=("m",), token_budget=5, expires_in_days=1.0)
    secret = capsys.readouterr().out.strip()
    assert secret == "sk-" + "a" * 32
    database = Database.open(command.url)
    (key,) = database.read_now(keys.every)
    database.close()
    assert key.digest == digest_of(secret.encode()).hex()
    assert (key.models, key.token_budget, key.expires_at) == (("m",), 5, int(NOW) + 86_400)
    assert secret.encode() not in Path(command.url.removeprefix("sqlite:///")).read_bytes()


def test_keys_are_listed_with_what_they_may(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    command("add", "ada", requests_per_s=2.0, burst=4)
    command("add", "bob", expires_in_days=1.0)
    command("revoke", "ada")
    capsys.readouterr()
    command("list")
    _, ada, bob = capsys.readouterr().out.splitlines()
    assert ada.split()[:3] == ["aaaaaa", "ada", "revoked"]
    assert "2/s, burst 4" in ada
    assert "until 2027-01-16" in bob


def test_a_name_is_given_again_only_when_its_key_is_revoked(command: Command) -> None:
    command("add", "ada")
    with pytest.raises(ConfigError, match="already"):
        command("add", "ada")


def test_no_keys_say_how_to_make_one(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    command("list")
    assert "fastchat keys add NAME" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add",), "needs a name"),
        (("revoke", "nobody"), "no valid key"),
        (("list", "x"), "no name"),
    ],
)
def test_what_makes_no_sense_is_said(command: Command, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        command(*words)
