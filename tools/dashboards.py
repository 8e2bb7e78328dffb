"""Write the Grafana dashboards of `deploy/grafana`, or with `--check` fail when one is stale."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase

from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from tools.boards.arena import ARENA
from tools.boards.graph import Graph
from tools.boards.platform import MODELS, PLATFORM
from tools.boards.spend import KEYS, SPEND
from tools.boards.worker import ONE_WORKER

FOLDER = Path(__file__).parents[1] / "deploy" / "grafana"
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
# By file: its title, its graphs, and what can be chosen on it.
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
