"""Interleaved rounds: each scenario goes to every gateway in turn before the next one begins."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

import msgspec

from benchmarks.gateway import usage
from benchmarks.gateway.cores import Cores
from benchmarks.gateway.processes import last_words, talking
from benchmarks.gateway.scenarios import SCENARIOS, Load, Scenario, request
from benchmarks.gateway.stage import Target

# Gateways of two processes are only asked what two processes change.
PAIR_SCENARIOS = frozenset(["c128", "flood"])
# After streams were cut off, the gateway is given time to notice.
CALM_S = 0.1
CALM_SHARE = 0.2
MOST_CALMS = 100
MOST_CUT = 0.1


class Times(msgspec.Struct, frozen=True):
    """Microseconds."""

    p50: float
    p99: float
    max: float


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What the client says. `cut` answers were not complete when the time was over; `reads` are
    those that brought chunks; `delivered` is the share of the offered rate."""

    asked: int
    answered: int
    chunks: int
    reads: int
    failures: int
    cut: int
    reconnects: int
    elapsed_s: float
    delivered: float
    latency_us: Times | None
    first_us: Times | None
    relay_us: Times | None
    first_failure: str


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario at one gateway in one round."""

    heard: Heard
    cpu_s: float

    @property
    def request_us(self) -> float | None:
        """None when so much was cut off that the work on it would be counted for the others."""
        answered = self.heard.answered
        if answered == 0 or self.heard.cut > MOST_CUT * answered:
            return None
        return self.cpu_s * 1e6 / answered

    @property
    def chunk_us(self) -> float | None:
        return self.cpu_s * 1e6 / self.heard.chunks if self.heard.chunks else None

    @property
    def rate(self) -> float:
        return self.heard.answered / self.heard.elapsed_s


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """`runs` by target, then by scenario; one that could not be measured is missing. `peak_mb` is
    each target's since its start."""

    runs: dict[str, dict[str, Run]]
    peak_mb: dict[str, float]

    def run(self, target: str, scenario: str) -> Run | None:
        return self.runs.get(target, {}).get(scenario)


class Broken(Exception):
    """The client gave up."""


class Rounds:
    """`seconds` is the length of one scenario, `grace_s` what late answers get beyond it."""

    def __init__(
        self, client: Path, cores: Cores, folder: Path, key: str, seconds: float, grace_s: float
    ) -> None:
        self._client = client
        self._cores = cores
        self._folder = folder
        self._grace_s = grace_s
        self._loads = [scenario.of(seconds) for scenario in SCENARIOS]
        self.broken: dict[str, str] = {}
        for load in self._loads:
            self._file(load.scenario).write_bytes(load.request(key))
        self._warm = folder / "warm.http"
        self._warm.write_bytes(request(key, "Hello there.", stream=False))

    def measure(self, targets: Sequence[Target], progress: Callable[[str], None]) -> Round:
        runs: dict[str, dict[str, Run]] = {target.name: {} for target in targets}
        for load in self._loads:
            for target in targets:
                name = load.scenario.name
                if target.processes > 1 and name not in PAIR_SCENARIOS:
                    continue
                progress(f"{name}, {target.name}")
                try:
                    runs[target.name][name] = self._run(target, load)
                except Broken as reason:
                    self.broken[f"{target.name}, {name}"] = str(reason)
        peaks = {
            target.name: usage.peak_mb(target.process.pid) for target in targets if target.process
        }
        return Round(runs=runs, peak_mb=peaks)

    def steps(self, targets: Sequence[Target]) -> int:
        singles = sum(target.processes == 1 for target in targets)
        return singles * len(self._loads) + (len(targets) - singles) * len(PAIR_SCENARIOS)

    def _run(self, target: Target, load: Load) -> Run:
        pid = target.process.pid if target.process else None
        log = self._folder / "client.log"
        log.write_bytes(b"")
        files = [str(self._warm), str(self._file(load.scenario))]
        command = [str(self._client), *load.arguments(target.port, self._grace_s), *files]
        with talking(command, log, self._cores.load) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            if client.stdout.readline() != b"ready\n":
                raise Broken(f"it did not get ready: {last_words(log)}")
            before = usage.cpu_s(pid) if pid else 0.0
            client.stdin.write(b"go\n")
            client.stdin.flush()
            line = client.stdout.readline()
            after = usage.cpu_s(pid) if pid else 0.0
        if not line:
            raise Broken(f"too many failures: {last_words(log)}")
        run = Run(heard=msgspec.json.decode(line, type=Heard), cpu_s=after - before)
        if run.heard.cut and pid:
            _calm_down(pid)
        return run

    def _file(self, scenario: Scenario) -> Path:
        return self._folder / f"{scenario.name}.http"


def _calm_down(pid: int) -> None:
    pause = Event()
    for _ in range(MOST_CALMS):
        before = usage.cpu_s(pid)
        pause.wait(CALM_S)
        if usage.cpu_s(pid) - before < CALM_SHARE * CALM_S:
            return
