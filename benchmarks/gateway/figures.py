"""The figures that the gateway is to reach, each a ratio or difference within one round."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.gateway.gateways import NGINX
from benchmarks.gateway.rounds import Round, Run
from benchmarks.gateway.stage import DIRECT
from benchmarks.spread import Spread, spread

Value = Callable[[Run], float | None]
Take = Callable[[Round], float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """`must` and `aim` are bounds: from above, unless `at_most` is false."""

    name: str
    take: Take
    must: float | None = None
    aim: float | None = None
    at_most: bool = True
    digits: int = 2


def over(rounds: Iterable[Round], take: Take) -> Spread | None:
    values = [value for one in rounds if (value := take(one)) is not None]
    return spread(values) if values else None


def request_us(run: Run) -> float | None:
    return run.request_us


def chunk_us(run: Run) -> float | None:
    return run.chunk_us


def rate(run: Run) -> float | None:
    return run.rate


def latency(run: Run) -> float | None:
    return run.heard.latency_us.p50 if run.heard.latency_us else None


def first_chunk(run: Run) -> float | None:
    return run.heard.first_us.p50 if run.heard.first_us else None


def delivered(run: Run) -> float | None:
    return run.heard.delivered * 100


def chunks_a_read(run: Run) -> float | None:
    return run.heard.chunks / run.heard.reads if run.heard.reads else None


def of(target: str, scenario: str, value: Value) -> Take:
    def take(one: Round) -> float | None:
        run = one.run(target, scenario)
        return value(run) if run else None

    return take


def peak_mb(target: str) -> Take:
    return lambda one: one.peak_mb.get(target)


def ratio(over: Take, under: Take) -> Take:
    def take(one: Round) -> float | None:
        above, below = over(one), under(one)
        return above / below if above is not None and below else None

    return take


def difference(whole: Take, part: Take) -> Take:
    def take(one: Round) -> float | None:
        more, less = whole(one), part(one)
        return more - less if more is not None and less is not None else None

    return take


def _against_nginx(ours: str, scenario: str, value: Value) -> Take:
    return ratio(of(ours, scenario, value), of(NGINX, scenario, value))


def _cheaper_than(ours: str, peer: str) -> Take:
    return ratio(of(peer, "c32", request_us), of(ours, "c32", request_us))


def _plain(ours: str, scenario: str) -> Figure:
    return Figure(
        name=f"plain requests, {scenario}: CPU against nginx, x",
        take=_against_nginx(ours, scenario, request_us),
        must=2.5,
        aim=1.7,
    )


def _chunks(ours: str, scenario: str) -> Figure:
    return Figure(
        name=f"streams, {scenario}: CPU a chunk against nginx, x",
        take=_against_nginx(ours, scenario, chunk_us),
        must=1.6,
        aim=1.15,
    )


def _times_cheaper(ours: str, peer: str, must: float, aim: float) -> Figure:
    return Figure(
        name=f"plain requests, c32: cheaper than {peer}, x",
        take=_cheaper_than(ours, peer),
        must=must,
        aim=aim,
        at_most=False,
        digits=1,
    )


def figures_of(ours: str) -> tuple[Figure, ...]:
    """What a gateway of ours is to reach."""
    return (
        *(_plain(ours, scenario) for scenario in ("c1", "c32", "c128")),
        _times_cheaper(ours, "vllm-router", 2.5, 4),
        _times_cheaper(ours, "sglang-router", 2.5, 4),
        _times_cheaper(ours, "litellm", 300, 450),
        Figure(
            name="first chunk, light streams: added over nginx's, us",
            take=difference(of(ours, "s1", first_chunk), of(NGINX, "s1", first_chunk)),
            must=150,
            aim=50,
            digits=0,
        ),
        Figure(
            name="flood: delivered of 256 x 200 chunks/s, %",
            take=of(ours, "flood", delivered),
            must=98,
            aim=99.5,
            at_most=False,
        ),
        Figure(
            name="flood: chunks a read, against the upstream's own, x",
            take=ratio(of(ours, "flood", chunks_a_read), of(DIRECT, "flood", chunks_a_read)),
            must=1.05,
            aim=1.01,
        ),
        *(_chunks(ours, scenario) for scenario in ("flood", "burst", "paced")),
        Figure(name="peak memory, MB", take=peak_mb(ours), must=100, aim=60, digits=0),
        Figure(
            name="200 KB prompts, 8 at a time: CPU against nginx, x",
            take=_against_nginx(ours, "large", request_us),
        ),
        Figure(
            name="plain requests, c1: latency added over nginx's, us",
            take=difference(of(ours, "c1", latency), of(NGINX, "c1", latency)),
            digits=0,
        ),
        Figure(
            name="two processes, c128: requests/s against one, x",
            take=ratio(of(f"{ours} x2", "c128", rate), of(ours, "c128", rate)),
        ),
        Figure(
            name="two processes, c128: CPU a request against one, x",
            take=ratio(of(f"{ours} x2", "c128", request_us), of(ours, "c128", request_us)),
        ),
    )
