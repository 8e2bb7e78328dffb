"""The image and the compose file. No daemon is asked: docker-compose itself reads the file, and the
very commands and health checks in it are run as processes of this machine."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ops.containers import Container, Here, must_answer_who_has, started
from tests.ops.stage import wait_for
from tests.ops.tools import DEPLOY, run, tool
from tests.running import ROOT

pytestmark = pytest.mark.ops

FILE = DEPLOY / "docker" / "compose.yml"
DOCKERFILE = (DEPLOY / "docker" / "Dockerfile").read_text()
SECRETS = {"FASTCHAT_CLUSTER_TOKEN": "between-us", "FASTCHAT_API_KEYS": "sk-ours"}
PORTS = {"controller": 21001, "worker": 21002, "api": 8000, "web": 7860}


@pytest.fixture(scope="module")
def services() -> Mapping[str, Any]:
    """As docker-compose understands them."""
    words = [f"{name}={value}" for name, value in SECRETS.items()]
    read = yaml.safe_load(run("env", *words, tool("docker-compose"), "-f", FILE, "config"))
    return dict(read["services"])


@pytest.mark.parametrize("missing", SECRETS)
def test_without_a_secret_nothing_starts_and_it_is_said_which(missing: str) -> None:
    environ = {**os.environ, **SECRETS}
    del environ[missing]
    done = subprocess.run(
        [tool("docker-compose"), "-f", FILE, "config"],
        env=environ, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert missing in done.stderr


def test_a_container_may_little(services: Mapping[str, Any]) -> None:
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert int(service["logging"]["options"]["max-file"]) > 0
    assert "\nUSER fastchat\n" in DOCKERFILE


def test_ports_are_open_on_this_machine_only(services: Mapping[str, Any]) -> None:
    opened = {name: service.get("ports", []) for name, service in services.items()}
    assert opened == {
        "controller": [],
        "worker": [],
        "api": ["127.0.0.1:8000:8000/tcp"],
        "web": ["127.0.0.1:7860:7860/tcp"],
    }


@pytest.mark.timeout(240)
def test_its_commands_make_a_platform_and_its_checks_find_it_well(
    services: Mapping[str, Any], tmp_path: Path
) -> None:
    containers = [
        Container(
            name=name,
            host=name,
            port=PORTS[name],
            command=service["command"],
            environ=service["environment"],
        )
        for name, service in services.items()
    ]
    with started(containers, tmp_path) as here:
        for service in services.values():
            wait_for(partial(_is_healthy, service, here), 120)
        must_answer_who_has(SECRETS["FASTCHAT_API_KEYS"], here.url("api"))


def test_the_image_is_made_of_what_is_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (chosen,) = re.findall(r"(?m)^ARG EXTRAS=(.*)$", DOCKERFILE)
    assert set(chosen.split(",")) <= set(extras["optional-dependencies"])
    allowed = set(re.findall(r"(?m)^!(.*)$", (ROOT / ".dockerignore").read_text()))
    copied = re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", DOCKERFILE)
    names = {name for line in copied for name in line.split()}
    assert names == allowed
    assert all((ROOT / name).exists() for name in names)
    assert json.loads(re.findall(r"(?m)^ENTRYPOINT (.*)$", DOCKERFILE)[0]) == ["fastchat"]


def _is_healthy(service: Mapping[str, Any], here: Here) -> bool:
    kind, program, *rest = service["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    words = [here.word(word) for word in rest]
    return subprocess.run([sys.executable, *words], capture_output=True).returncode == 0
