"""Write the Grafana dashboards of `deploy/grafana`, or with `--check` fail when one is stale."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef

FOLDER = Path(__file__).parents[1] / "deploy" / "grafana"
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")


@dataclass(frozen=True, kw_only=True)
class Graph:
    """`queries` by what their lines are called."""

    title: str
    says: str
    unit: str
    queries: Mapping[str, str]


def rate(metric: str, where: str = "") -> str:
    return f"rate({metric}{where}[$__rate_interval])"


def total(metric: str, by: str = "", where: str = "") -> str:
    """In a second, of all that have the same labels `by`."""
    return f"sum by ({by}) ({rate(metric, where)})" if by else f"sum({rate(metric, where)})"


def in_an_hour(metric: str, by: str) -> dict[str, str]:
    return {_legend(by): f"sum by ({by}) (increase({metric}[1h]))"}


def quantiles(metric: str, by: str, where: str = "") -> dict[str, str]:
    """P50, P95 and P99 of a histogram."""
    buckets = total(f"{metric}_bucket", f"le, {by}", where)
    return {
        f"p{percent} {{{{{by}}}}}": f"histogram_quantile({percent / 100}, {buckets})"
        for percent in (50, 95, 99)
    }


def per_second(metric: str, by: str, where: str = "") -> dict[str, str]:
    return {_legend(by): total(metric, by, where)}


def part(metric: str, where: str, of: str) -> str:
    """In the last hour. Nothing, not zero, where there was none of either."""
    return f"sum(increase({metric}{where}[1h])) / sum(increase({of}[1h]))"


def lost(what: str) -> str:
    """Of each process, whichever kind it is."""
    return f'sum by (instance) (increase({{__name__=~"{what}_lost_total"}}[1h]))'


def _legend(by: str) -> str:
    return " ".join(f"{{{{{name.strip()}}}}}" for name in by.split(","))


MODEL, WORKER = '{model=~"$model"}', '{instance=~"$instance"}'
PLATFORM = (
    Graph(
        title="Requests",
        says="Answers in a second, by status",
        unit="reqps",
        queries=per_second("gateway_requests_total", "status"),
    ),
    Graph(
        title="Errors",
        says="Errors in a second, by error_code",
        unit="reqps",
        queries=per_second("gateway_errors_total", "error_code"),
    ),
    Graph(
        title="Latency",
        says="From a request to the end of its answer",
        unit="s",
        queries=quantiles("gateway_request_duration_seconds", "job"),
    ),
    Graph(
        title="In flight and queued",
        says="At the API servers, and at the workers",
        unit="short",
        queries={
            "in flight": "sum(gateway_requests_in_flight)",
            "running": "sum(worker_requests_running)",
            "waiting": "sum(worker_requests_waiting)",
        },
    ),
    Graph(
        title="Workers",
        says="Registered, and fallen silent in the last ten minutes",
        unit="short",
        queries={"{{state}}": "controller_workers"},
    ),
    Graph(
        title="Retries and migrations",
        says="What was asked anew before, and in the middle of, an answer",
        unit="reqps",
        queries={
            "retries": total("gateway_retries_total"),
            "migrations": total("gateway_migrations_total"),
            "held back": total("gateway_retries_held_back_total"),
        },
    ),
    Graph(
        title="Breakers",
        says="0: in use, 1: on trial, 2: left alone",
        unit="short",
        queries={"{{worker}}": "max by (worker) (gateway_worker_breaker_state)"},
    ),
    Graph(
        title="Age of the table",
        says="Since the controller was heard; it speaks every five seconds",
        unit="s",
        queries={
            "{{instance}}": "gateway_table_age_seconds",
            "{{instance}} page": "page_table_age_seconds",
        },
    ),
    Graph(
        title="Not written, not sent",
        says="Log lines and spans that were lost in the last hour",
        unit="short",
        queries={
            "lines of {{instance}}": lost("(controller|worker|gateway|page)_log_lines"),
            "spans of {{instance}}": lost("(worker|gateway|page)_spans"),
        },
    ),
)
MODELS = (
    Graph(
        title="Requests by model",
        says="Answers in a second",
        unit="reqps",
        queries=per_second("gateway_requests_total", "model", MODEL),
    ),
    Graph(
        title="Workers by model",
        says="0 when the last one was lost",
        unit="short",
        queries={"{{model}}": f"max by (model) (controller_model_workers{MODEL})"},
    ),
    Graph(
        title="Time to the first token",
        says="Of streams, at the API server",
        unit="s",
        queries=quantiles("gateway_time_to_first_token_seconds", "model", MODEL),
    ),
    Graph(
        title="Time between tokens",
        says="Of streams, the mean of each",
        unit="s",
        queries=quantiles("gateway_time_per_output_token_seconds", "model", MODEL),
    ),
    Graph(
        title="Tokens",
        says="In and out, in a second",
        unit="short",
        queries={
            "in {{model}}": total("gateway_prompt_tokens_total", "model", MODEL),
            "out {{model}}": total("gateway_completion_tokens_total", "model", MODEL),
        },
    ),
    Graph(
        title="Prompts from the cache",
        says="The part of all prompt tokens that engines had in their cache",
        unit="percentunit",
        queries={
            "{{model}}": f"{total('gateway_cached_prompt_tokens_total', 'model', MODEL)} / "
            f"{total('gateway_prompt_tokens_total', 'model', MODEL)}"
        },
    ),
)
ONE_WORKER = (
    Graph(
        title="Throughput",
        says="Requests and tokens in a second",
        unit="short",
        queries={
            "requests": rate("worker_requests_total", WORKER),
            "tokens": rate("worker_completion_tokens_total", WORKER),
        },
    ),
    Graph(
        title="Latency",
        says="From a request to the end of its answer",
        unit="s",
        queries=quantiles("worker_request_latency_seconds", "instance", WORKER),
    ),
    Graph(
        title="Queue",
        says="Requests running and waiting",
        unit="short",
        queries={
            "{{instance}}": f"worker_queue_length{WORKER}",
            "slots": f"worker_slots{WORKER}",
        },
    ),
    Graph(
        title="Errors",
        says="In a second, by error_code",
        unit="reqps",
        queries=per_second("worker_errors_total", "error_code", WORKER),
    ),
    Graph(
        title="Memory of the cards",
        says="As the driver tells it, whoever uses it; 0 without a card",
        unit="bytes",
        queries={
            "used": f"worker_gpu_memory_bytes{WORKER}",
            "size": f"worker_gpu_memory_size_bytes{WORKER}",
        },
    ),
    Graph(
        title="Use of the cards",
        says="The part of the time in which each computes",
        unit="percentunit",
        queries={"{{gpu}}": f"worker_gpu_utilization_ratio{WORKER}"},
    ),
    Graph(
        title="Memory of the process",
        says="Resident",
        unit="bytes",
        queries={"{{instance}}": f"process_resident_memory_bytes{WORKER}"},
    ),
)
KEYS = (
    Graph(
        title="Tokens of answers by key",
        says="In an hour",
        unit="short",
        queries=in_an_hour("gateway_completion_tokens_total", "key"),
    ),
    Graph(
        title="Tokens of prompts by key",
        says="In an hour",
        unit="short",
        queries=in_an_hour("gateway_prompt_tokens_total", "key"),
    ),
    Graph(
        title="Requests by key",
        says="In a second",
        unit="reqps",
        queries=per_second("gateway_requests_total", "key"),
    ),
    Graph(
        title="Refused for a limit",
        says="Rates (42901), budgets (42902) and full workers (42903)",
        unit="reqps",
        queries=per_second("gateway_errors_total", "error_code", '{error_code=~"429.."}'),
    ),
)
SPEND = (
    Graph(
        title="Providers by model",
        says="Dollars in an hour, at the API servers, pages and workers that ask them",
        unit="currencyUSD",
        queries=in_an_hour("provider_spend_dollars_total", "model"),
    ),
    Graph(
        title="A day at this pace",
        says="Dollars that providers would cost, as they did in the last hour",
        unit="currencyUSD",
        queries={"a day": "24 * sum(increase(provider_spend_dollars_total[1h]))"},
    ),
    Graph(
        title="Budgets of the day",
        says="The part of dollars_per_day that is spent, of the process that spent most; days are "
        "those of UTC",
        unit="percentunit",
        queries={"{{model}}": "max by (model) (provider_day_budget_spent_ratio)"},
    ),
    Graph(
        title="Breakers of providers",
        says="At the API servers; 0: in use, 1: on trial, 2: left alone",
        unit="short",
        queries={
            "{{worker}}": "max by (worker) "
            '(gateway_worker_breaker_state{worker=~"http://provider.invalid/.*"})'
        },
    ),
    Graph(
        title="Answers by model",
        says="Dollars in an hour, of models with a price, whoever served them",
        unit="currencyUSD",
        queries=in_an_hour("gateway_spend_dollars_total", "model"),
    ),
    Graph(
        title="Answers by key",
        says="Dollars in an hour, of models with a price, whoever served them",
        unit="currencyUSD",
        queries=in_an_hour("gateway_spend_dollars_total", "key"),
    ),
)
ARENA = (
    Graph(
        title="Battles",
        says="In an hour, on the page and over the API; failed: a side has no whole answer",
        unit="short",
        queries=in_an_hour("arena_battles_total", "kind, outcome"),
    ),
    Graph(
        title="Votes",
        says="In an hour, by where the battle was fought",
        unit="short",
        queries=in_an_hour("arena_votes_total", "kind"),
    ),
    Graph(
        title="Votes by winner",
        says="In an hour; as sides are drawn by chance, left and right win alike in the long run",
        unit="short",
        queries=in_an_hour("arena_votes_total", "winner"),
    ),
    Graph(
        title="Voted on, and failed",
        says="The part of the last hour's battles",
        unit="percentunit",
        queries={
            "voted on": part("arena_votes_total", "", 'arena_battles_total{outcome="whole"}'),
            "failed": part("arena_battles_total", '{outcome="failed"}', "arena_battles_total"),
        },
    ),
)
BOARDS: Mapping[str, tuple[str, Sequence[Graph], str | None]] = {
    "platform": ("fastchat: platform", PLATFORM, None),
    "models": ("fastchat: models", MODELS, "label_values(controller_model_workers, model)"),
    "worker": ("fastchat: one worker", ONE_WORKER, "label_values(worker_queue_length, instance)"),
    "keys": ("fastchat: keys and tokens", KEYS, None),
    "spend": ("fastchat: providers and spend", SPEND, None),
    "arena": ("fastchat: arena", ARENA, None),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    texts = {FOLDER / f"{name}.json": built(name) for name in BOARDS}
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text() != text]
    if check and stale:
        names = ", ".join(path.name for path in stale)
        sys.exit(f"stale: {names}. Run `python -m tools.dashboards` and commit what it writes.")
    for path in stale:
        path.write_text(texts[path])


def built(name: str) -> str:
    title, graphs, choice = BOARDS[name]
    board = (
        dashboard.Dashboard(title)
        .uid(f"fastchat-{name}")
        .tags(["fastchat"])
        .refresh("30s")
        .time("now-1h", "now")
        .with_variable(dashboard.DatasourceVariable("source").type("prometheus"))
    )
    if choice is not None:
        variable = "model" if "model" in choice else "instance"
        board = board.with_variable(
            dashboard.QueryVariable(variable)
            .query(choice)
            .datasource(SOURCE)
            .multi(True)
            .include_all(True)
            .all_value(".*")
        )
    for graph in graphs:
        board = board.with_panel(_panel(graph))
    return JSONEncoder(sort_keys=True, indent=2).encode(board.build()) + "\n"


def _panel(graph: Graph) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(graph.title)
        .description(graph.says)
        .unit(graph.unit)
        .datasource(SOURCE)
        .min(0)
        .height(8)
        .span(12)
    )
    for letter, (label, query) in zip(ascii_uppercase, graph.queries.items(), strict=False):
        target = prometheus.Dataquery().ref_id(letter).expr(query).legend_format(label)
        panel = panel.with_target(target)
    return panel


if __name__ == "__main__":
    main()
