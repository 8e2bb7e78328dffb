import pytest

from fastchat.core.config import parse
from fastchat.core.errors import ConfigError
from fastchat.gateway.build import build
from fastchat.gateway.config import GatewayConfig


@pytest.mark.parametrize("argv", [["--api-keys", ""], ["--api-keys", ","]])
def test_keys_that_are_none_do_not_open_the_server(argv: list[str]) -> None:
    with pytest.raises(ConfigError, match="holds no key"):
        build(parse(GatewayConfig, argv, environ={}))


def test_blank_keys_of_the_environment_do_not_open_the_server() -> None:
    with pytest.raises(ConfigError, match="holds no key"):
        build(parse(GatewayConfig, [], environ={"FASTCHAT_API_KEYS": " "}))


def test_a_flag_that_cannot_be_read_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(GatewayConfig, ["--allowed-origins", "*"], environ={})
    assert "is not a JSON list of strings" in capsys.readouterr().err
