from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.gateway.environments import NotRun
from benchmarks.gateway.gateways import (
    Site,
    litellm_config,
    nginx_launch,
    source_launch,
    vllm_router_launch,
)

MakeSite = Callable[..., Site]


@pytest.fixture
def site(tmp_path: Path) -> MakeSite:
    def make(processes: int = 1) -> Site:
        return Site(
            folder=tmp_path,
            cache=tmp_path,
            port=1001,
            spare_port=1002,
            upstream_port=1003,
            controller_port=1004,
            key="sesame",
            processes=processes,
            flags=("--max-body-bytes", "9"),
            say=lambda _: None,
        )

    return make


def test_a_missing_nginx_is_named_with_its_remedy(
    site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(NotRun, match="sudo apt install nginx"):
        nginx_launch(site())


def test_the_key_does_not_stand_on_the_command_line(site: MakeSite, tmp_path: Path) -> None:
    launch = source_launch(site())
    assert "sesame" not in " ".join(launch.command)
    assert (tmp_path / "keys").read_text() == "sesame"
    assert (tmp_path / "keys").stat().st_mode & 0o077 == 0


def test_further_flags_reach_our_server(site: MakeSite) -> None:
    assert " --max-body-bytes 9" in " ".join(source_launch(site()).command)


def test_a_router_is_one_process(site: MakeSite) -> None:
    with pytest.raises(NotRun, match="one process"):
        vllm_router_launch(site(2))


def test_litellm_is_sent_to_the_upstream(site: MakeSite) -> None:
    assert "api_base: http://127.0.0.1:1003/v1\n" in litellm_config(site())
