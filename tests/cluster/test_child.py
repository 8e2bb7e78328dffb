import os
import signal
from dataclasses import replace
from pathlib import Path

from fastchat.cluster.child import Launcher, Output
from fastchat.cluster.keeper import Patience
from fastchat.core.config import environment
from tests.cluster.processes import Run, Server, kill

KEEP_KEYS = """
import pathlib, sys
flag, file = sys.argv[2:]
with open({path!r}, "a") as seen:
    seen.write(flag + " " + open(file).read() + "\\n")
"""


def arguments(pid: int | None) -> bytes:
    """What everybody can read about a process; only on Linux in a file."""
    path = Path(f"/proc/{pid}/cmdline")
    return path.read_bytes() if path.exists() else b""


def test_the_tail_is_of_this_life_only(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    path.write_text("long ago\n")
    output = Output(path)
    assert output.tail() == []
    with output.appender() as file:
        file.write(b"".join(b"line %d\n" % number for number in range(9999)))
    assert output.tail() == [f"line {number}" for number in range(9984, 9999)]


def test_much_output_is_moved_aside_and_the_writer_goes_on(tmp_path: Path) -> None:
    output = Output(tmp_path / "worker.log")
    with output.appender() as file:
        for text in (b"first\n", b"second\n", b"third\n"):
            file.write(text)
            file.flush()
            output.trim(limit_bytes=6)
    assert (tmp_path / "worker.log.1").read_text() == "first\nsecond\n"
    assert output.tail() == ["third"]


async def test_keys_arrive_by_a_descriptor_at_every_start(server: Server, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    api = server("api", first=KEEP_KEYS.format(path=str(seen)))
    keys = "sk-secret " * 9000  # more than a pipe holds
    patience = Patience(first_pause_s=0.01)
    async with Run([api], tmp_path, keys=keys, patience=patience) as at_work:
        first = await at_work.until("api", "ready")
        assert b"secret" not in arguments(first.pid)
        kill(first, signal.SIGKILL)
        await at_work.until("api", "ready", restarts=1)
    assert seen.read_text() == f"--keys {keys}\n" * 2


async def test_a_process_that_takes_no_keys_gets_none(server: Server, tmp_path: Path) -> None:
    spec = replace(server("worker"), keys_flag=None)
    launch = Launcher(environment=environment(), logdir=tmp_path, keys="sk-secret")
    child = await launch(replace(spec, argv=(*spec.argv[:3], "import sys; print(sys.argv)")))
    assert await child.end == 0
    assert child.output.tail() == ["['-c']"]


async def test_a_child_knows_its_supervisor_and_its_log_folder(
    server: Server, tmp_path: Path
) -> None:
    show = "import os; print(*(os.environ[n] for n in ('FASTCHAT_SUPERVISED', 'LOGDIR', 'A')))"
    spec = server("worker")
    spec = replace(spec, argv=(*spec.argv[:3], show), environment={"A": "from the file"})
    child = await Launcher(environment=environment() | {"A": "x"}, logdir=tmp_path)(spec)
    assert await child.end == 0
    assert child.output.tail() == [f"{os.getpid()} {tmp_path} from the file"]


async def test_the_terminal_does_not_reach_a_child(server: Server, tmp_path: Path) -> None:
    async with Run([server("worker")], tmp_path) as at_work:
        status = await at_work.until("worker", "ready")
        assert status.pid is not None
        assert os.getsid(status.pid) == status.pid != os.getsid(0)
