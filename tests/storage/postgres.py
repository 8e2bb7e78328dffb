"""A PostgreSQL server of one's own: started by the tests, on a free port, not as root."""

import glob
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

DEBIAN = "/usr/lib/postgresql/*/bin"


@dataclass(frozen=True, slots=True)
class Postgres:
    programs: Path
    folder: Path
    port: int
    user: str | None

    def url(self, name: str) -> str:
        return f"postgresql://fastchat@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= "
        options += "-c fsync=off"
        self._run("pg_ctl", "-w", "-l", f"{self.folder}/log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-m", "immediate", "stop")

    def create(self, name: str) -> str:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)

    def initialize(self) -> None:
        self._run("initdb", "-U", "fastchat", "--auth=trust", "--no-sync", "-E", "UTF8")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(
            command, user=self.user, check=True, cwd=self.folder, stdout=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, timeout=60,
        )  # fmt: skip


@contextmanager
def running_postgres(folder: Path) -> Iterator[Postgres]:
    """Fails, rather than skips, where PostgreSQL is not installed."""
    programs = _programs()
    user = None
    if os.geteuid() == 0:  # the server refuses to run as root
        user = "postgres"
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        for parent in [folder, *folder.parents][:-2]:
            parent.chmod(parent.stat().st_mode | 0o711)
    server = Postgres(programs, folder, _free_port(), user)
    server.initialize()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _programs() -> Path:
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    debian = sorted(glob.glob(DEBIAN))
    assert debian, "PostgreSQL is not installed: make postgresql"
    return Path(debian[-1])


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
