import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from fastchat.cluster.keeper import Patience
from fastchat.cluster.plan import Role
from fastchat.cluster.probe import Answer
from fastchat.core.errors import ConfigError
from tests.cluster.processes import Run, Server, eventually, is_ready, is_running, is_silent, kill

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


async def test_the_others_start_when_the_controller_is_ready(
    server: Server, tmp_path: Path
) -> None:
    controller = server("controller", role="controller")
    others = [server(name, needs=("controller",)) for name in ("worker", "api")]
    async with Run([*others, controller], tmp_path) as at_work:
        for name in ("worker", "api"):
            await at_work.until(name, "ready")
    states = [(s.process, s.state) for s in at_work.statuses]
    ready = states.index(("controller", "ready"))
    assert ready < states.index(("worker", "starting"))
    assert ready < states.index(("api", "starting"))


async def test_a_killed_process_is_back_and_answers(server: Server, tmp_path: Path) -> None:
    worker = server("worker")
    async with Run([worker], tmp_path, patience=Patience(first_pause_s=0.01)) as at_work:
        first = await at_work.until("worker", "ready")
        kill(first, signal.SIGKILL)
        second = await at_work.until("worker", "ready", restarts=1)
        assert second.pid != first.pid
        assert await is_ready(worker)
    death = await at_work.until("worker", "restarting")
    assert death.reason == "was killed by SIGKILL"


async def test_the_pause_doubles_while_it_keeps_dying(server: Server, tmp_path: Path) -> None:
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        await asyncio.sleep(min(seconds, 0.01))

    async with Run([server("worker")], tmp_path, sleep=nap) as at_work:
        for restarts in range(4):
            status = await at_work.until("worker", "ready", restarts=restarts)
            kill(status, signal.SIGKILL)
        await at_work.until("worker", "ready", restarts=4)
    pauses = [status.pause_s for status in at_work.statuses if status.state == "restarting"]
    assert pauses == [0.5, 1.0, 2.0, 4.0]
    assert [seconds for seconds in naps if seconds in pauses] == pauses


async def test_a_later_start_may_fail_again_and_again(server: Server, tmp_path: Path) -> None:
    lives = tmp_path / "lives"
    first = f"""
import pathlib, sys
lives = pathlib.Path({str(lives)!r})
lives.write_text((lives.read_text() if lives.exists() else "") + "x")
if lives.read_text() in ("xx", "xxx"):
    sys.exit(7)
"""
    patience = Patience(first_pause_s=0.01)
    async with Run([server("worker", first=first)], tmp_path, patience=patience) as at_work:
        status = await at_work.until("worker", "ready")
        kill(status, signal.SIGKILL)
        await at_work.until("worker", "ready", restarts=3)
    reasons = [s.reason for s in at_work.statuses if s.state == "restarting"]
    assert reasons == ["was killed by SIGKILL", "ended with status 7", "ended with status 7"]


async def test_a_failed_first_start_says_why_and_stops_the_rest(
    server: Server, tmp_path: Path
) -> None:
    broken = server("worker", needs=("controller",), first="import sys; sys.exit('no such model')")
    controller_spec = server("controller", role="controller")
    async with Run([controller_spec, broken], tmp_path) as at_work:
        controller = await at_work.until("controller", "ready")
        await asyncio.wait([at_work.task])
        with pytest.raises(
            ConfigError, match=r"worker ended with status 1 before .* ready"
        ) as caught:
            await at_work.task
    assert str(caught.value).endswith("worker.log):\nno such model")
    assert not is_running(controller.pid)
    assert at_work.order("failed") == ["worker"]
    assert at_work.order("stopped") == ["controller"]


async def test_a_refusal_is_told_in_one_sentence(server: Server, tmp_path: Path) -> None:
    broken = server("worker", first="import sys; sys.exit('error: no such model: give another')")
    async with Run([broken], tmp_path) as at_work:
        with pytest.raises(
            ConfigError, match=r"^worker cannot start: no such model: give another$"
        ):
            await at_work.task


async def test_a_worker_that_cannot_load_stops_nobody_else(server: Server, tmp_path: Path) -> None:
    broken = server("broken", needs=("good",), first="import sys; sys.exit('error: bad file')")
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        await asyncio.sleep(min(seconds, 0.01))

    async with Run([server("good"), broken], tmp_path, sleep=nap) as at_work:
        good = await at_work.until("good", "ready")
        third = await at_work.until("broken", "restarting", restarts=2)
        assert is_running(good.pid)
    assert third.reason == "ended with status 1: bad file"
    assert [s for s in naps if s >= 0.5][:3] == [0.5, 1.0, 2.0]


async def test_a_platform_without_any_worker_ends(server: Server, tmp_path: Path) -> None:
    first, second = (server(name, first="import sys; sys.exit(3)") for name in ("one", "two"))
    async with Run([server("api", role="api"), first, second], tmp_path) as at_work:
        with pytest.raises(ConfigError, match=r"(one|two) ended with status 3 before"):
            await at_work.task
    assert at_work.order("stopped")[0] == "api"


async def test_a_start_that_takes_long_says_what_is_waited_for(
    server: Server, tmp_path: Path
) -> None:
    lost = server("api", role="api")
    elsewhere = replace(lost, port=lost.port + 1)  # as `arguments = ["--port", …]` does
    patience = Patience(start_probe_every_s=0.01, unready_s=0.02)
    at_work = Run([elsewhere], tmp_path, patience=patience)
    async with at_work:
        await eventually(lambda: has_told_twice(at_work))
    first, second = [s for s in at_work.statuses if s.state == "starting" and s.reason][:2]
    assert f"does not answer at {elsewhere.ready_url} after" in first.reason
    assert first.reason.endswith(f"see what it does in {tmp_path}/api.log")
    assert second.took_s >= 2 * 0.02


async def has_told_twice(at_work: Run) -> bool:
    return len([s for s in at_work.statuses if s.state == "starting" and s.reason]) >= 2


async def test_a_process_that_dies_without_a_word_is_named_with_its_log(
    server: Server, tmp_path: Path
) -> None:
    broken = server("worker", first="import os; os.kill(os.getpid(), 9)\n")
    async with Run([broken], tmp_path) as at_work:
        with pytest.raises(ConfigError, match=r"killed by SIGKILL .* wrote nothing to .*/worker"):
            await at_work.task


async def test_a_start_can_be_given_up(server: Server, tmp_path: Path) -> None:
    loading = server("controller", role="controller", first="import time; time.sleep(3600)\n")
    async with Run([loading, server("worker", needs=("controller",))], tmp_path) as at_work:
        status = await at_work.until("controller", "starting")
        at_work.stop.set()
        await at_work.task
    assert not is_running(status.pid)
    assert at_work.order("stopped") == ["worker", "controller"]
    assert "worker" not in at_work.order("starting")


async def test_a_command_that_is_not_there_is_a_failed_start(
    server: Server, tmp_path: Path
) -> None:
    spec = replace(server("worker"), argv=("/nowhere/python",))
    async with Run([spec], tmp_path) as at_work:
        with pytest.raises(ConfigError, match=r"worker could not be started .*No such file"):
            await at_work.task


async def test_processes_end_from_the_front_to_the_back(server: Server, tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    roles: dict[str, Role] = {"ctl": "controller", "one": "worker", "two": "worker", "api": "api"}
    note = """
import signal, sys
def end(*_):
    with open({path!r}, "a") as file:
        file.write({name!r} + " ")
    sys.exit()
signal.signal(signal.SIGTERM, end)
"""
    specs = [
        server(name, role=role, first=note.format(path=str(ends), name=name))
        for name, role in roles.items()
    ]
    async with Run(specs, tmp_path) as at_work:
        for name in roles:
            await at_work.until(name, "ready")
    assert at_work.task.exception() is None
    api, *workers, controller = ends.read_text().split()
    assert (api, {*workers}, controller) == ("api", {"one", "two"}, "ctl")
    assert at_work.order("stopped")[0::3] == ["api", "ctl"]


async def test_who_does_not_end_in_time_is_killed(server: Server, tmp_path: Path) -> None:
    patience = Patience(grace_s=0.05)
    specs = [server("worker", first=STUBBORN), server("controller", role="controller")]
    async with Run(specs, tmp_path, patience=patience) as at_work:
        pids = [(await at_work.until(spec.name, "ready")).pid for spec in specs]
        at_work.stop.set()
        await at_work.task
    assert not any(map(is_running, pids))


async def test_the_user_need_not_wait(server: Server, tmp_path: Path) -> None:
    patience = Patience(grace_s=3600)
    async with Run([server("worker", first=STUBBORN)], tmp_path, patience=patience) as at_work:
        status = await at_work.until("worker", "ready")
        at_work.stop.set()
        await at_work.until("worker", "stopping")
        at_work.supervisor.kill()
        await at_work.task
    assert not is_running(status.pid)


async def test_a_process_that_answers_unready_is_left_alone(server: Server, tmp_path: Path) -> None:
    asked: list[str] = []

    async def probe(url: str) -> Answer:
        asked.append(url)
        if len(asked) == 9:
            at_work.stop.set()
        return "ready" if len(asked) == 1 else "alive"

    patience = Patience(probe_every_s=0.0, silent_s=0.0)
    at_work = Run([server("worker")], tmp_path, patience=patience, probe=probe)
    async with at_work:
        await at_work.task
    assert at_work.order("restarting") == []


async def test_a_process_that_hangs_is_replaced(server: Server, tmp_path: Path) -> None:
    worker = server("worker")
    patience = Patience(first_pause_s=0.01, probe_every_s=0.01, silent_s=0.05)
    async with Run([worker], tmp_path, patience=patience) as at_work:
        status = await at_work.until("worker", "ready")
        kill(status, signal.SIGSTOP)
        await at_work.until("worker", "ready", restarts=1)
        await eventually(lambda: is_ready(worker))
    death = await at_work.until("worker", "restarting")
    assert death.reason == "gave no answer for 0.05 s and was killed"


async def test_what_a_process_started_does_not_outlive_it(server: Server, tmp_path: Path) -> None:
    engine = server("engine")
    start = f"import subprocess; subprocess.Popen({list(engine.argv)!r})\n"
    async with Run([server("worker", first=start)], tmp_path) as at_work:
        status = await at_work.until("worker", "ready")
        await eventually(lambda: is_ready(engine))
        at_work.stop.set()
        kill(status, signal.SIGKILL)
        await at_work.task
        await eventually(lambda: is_silent(engine))
