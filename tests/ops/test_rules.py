"""The rules and the routes, judged by the programs that will read them."""

import re

import pytest

from tests.ops.tools import DEPLOY, run

pytestmark = pytest.mark.ops

RULES = DEPLOY / "prometheus" / "rules"
PROMISED = {
    *("WorkerDown", "HighQueueLength", "HighLatency", "GPUOutOfMemory"),
    *("WorkerCrashLoop", "BreakerOpen", "TableStale", "KeyBudgetSpent", "SlowFirstToken"),
    *("NoWorkerForModel", "ProviderBudgetLow", "LogsLost", "SpansLost"),
}


def alerts(name: str) -> list[str]:
    pattern = r"(?m)^ +(?:- )?alert(?:name)?: (\w+)$"
    return re.findall(pattern, (RULES / name).read_text())


def test_prometheus_takes_its_configuration() -> None:
    said = run("promtool", "check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    assert "SUCCESS" in said


def test_every_alert_fires_and_clears() -> None:
    run("promtool", "test", "rules", RULES / "fastchat_test.yml")
    tested = set(re.findall(r"- name: (\w+)", (RULES / "fastchat_test.yml").read_text()))
    assert tested == set(alerts("fastchat.yml")) >= PROMISED


def test_alertmanager_takes_its_configuration() -> None:
    run("amtool", "check-config", DEPLOY / "alertmanager" / "alertmanager.yml")


@pytest.mark.parametrize(("severity", "receiver"), [("critical", "on-call"), ("warning", "team")])
def test_an_alert_goes_to_whom_it_concerns(severity: str, receiver: str) -> None:
    config = DEPLOY / "alertmanager" / "alertmanager.yml"
    said = run(
        *("amtool", "config", "routes", "test", f"--config.file={config}"),
        *(f"--verify.receivers={receiver}", f"severity={severity}"),
    )
    assert receiver in said
