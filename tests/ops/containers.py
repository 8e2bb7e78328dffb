"""Containers of a platform as processes of this machine: their very commands, with its names and
free ports."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.ops.stage import wait_for
from tests.running import ROOT, answers, ask, free_ports


@dataclass(frozen=True, kw_only=True)
class Container:
    """Others reach its `port` under `host`."""

    name: str
    host: str
    port: int
    command: Sequence[str]
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Here:
    """`ports` are this machine's, by the names of containers."""

    containers: Sequence[Container]
    ports: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        names = [one.name for one in self.containers]
        ports = free_ports(len(names))
        object.__setattr__(self, "ports", dict(zip(names, ports, strict=True)))

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def word(self, word: str) -> str:
        """Of a command, as it is said here."""
        for one in self.containers:
            port = self.ports[one.name]
            hosts = rf"(?<![\w.-])({re.escape(one.host)}|127\.0\.0\.1)"
            word = re.sub(rf"{hosts}:{one.port}\b", f"127.0.0.1:{port}", word)
            word = word.replace(f"--port={one.port}", f"--port={port}")
        return word.replace("0.0.0.0", "127.0.0.1")

    def command(self, one: Container) -> list[str]:
        words = [self.word(word) for word in one.command]
        if not any(word.startswith("--port") for word in words):
            words += ["--port", str(self.ports[one.name])]
        return words


@contextmanager
def started(containers: Sequence[Container], folder: Path) -> Iterator[Here]:
    here = Here(containers)
    with ExitStack() as stack:
        for one in containers:
            environ = os.environ | one.environ | {
                "PYTHONPATH": str(ROOT), "LOGDIR": "", "FASTCHAT_DATA": str(folder / "data"),
            }  # fmt: skip
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "fastchat", *here.command(one)], cwd=folder, env=environ
                )
            )
            stack.callback(process.terminate)
        yield here


def must_answer_who_has(key: str, api: str) -> None:
    wait_for(lambda: answers(f"{api}/ready"))
    body = {"model": "smollm2-135m-instruct", "max_tokens": 3, "prompt": "Hi"}
    assert ask(f"{api}/v1/completions", body)[0] == 401
    shown = {"authorization": f"Bearer {key}"}
    status, answer = ask(f"{api}/v1/completions", body, headers=shown)
    assert (status, answer["usage"]["completion_tokens"]) == (200, 3), answer
