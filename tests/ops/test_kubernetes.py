"""The chart, by Helm's own code: what it makes holds to the schemas of Kubernetes, and its commands
and probes are run as processes of this machine. No cluster is asked."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from fastchat import __version__
from tests.ops.containers import Container, Here, must_answer_who_has, started
from tests.ops.stage import wait_for
from tests.ops.tools import DEPLOY
from tests.running import ROOT, answers

pytestmark = pytest.mark.ops

CHART = DEPLOY / "kubernetes" / "fastchat"
SECRETS = {"cluster-token": "between-us", "api-keys": "sk-ours"}
PLAIN: dict[str, Any] = {"secret": "ours"}
CARD = {
    "name": "big",
    "modelPath": "meta/big",
    "command": "vllm-worker",
    "replicas": 2,
    "args": ["--num-gpus=2"],
    "weights": {"size": "200Gi", "storageClass": "fast"},
    "sharedMemory": "8Gi",
    "resources": {"limits": {"nvidia.com/gpu": 2}},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
}
FULL: dict[str, Any] = {
    "secret": "ours",
    "otlpEndpoint": "http://collector:4318",
    "imagePullSecrets": [{"name": "registry"}],
    "web": {"data": {"size": "2Gi"}, "podAnnotations": {"a": "b"}},
    "api": {"service": {"type": "LoadBalancer", "annotations": {"a": "b"}}},
    "workers": [CARD, {"name": "small", "modelPath": "smollm2-135m-instruct"}],
    "networkPolicy": {"alsoFrom": [{"namespaceSelector": {"matchLabels": {"name": "watch"}}}]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
}
Manifest = dict[str, Any]


def helm(values: Mapping[str, Any]) -> dict[str, Any]:
    python = os.environ.get("HELM_PYTHON")
    if python is None:
        pytest.fail("these tests need Helm in an environment of its own: make check-ops")
    script = Path(__file__).with_name("helm_chart.py")
    done = subprocess.run(
        [python, str(script), str(CHART)],
        input=json.dumps(values), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def full() -> list[Manifest]:
    return list(helm(FULL)["manifests"])


def told() -> dict[str, Any]:
    """The values in the documentation."""
    page = (ROOT / "docs" / "operations" / "kubernetes.md").read_text()
    (block,) = re.findall(r"(?s)```yaml\n(.*?)```", page)
    shown: dict[str, Any] = yaml.safe_load(block)
    return PLAIN | shown


def test_what_the_documentation_shows_is_understood() -> None:
    made = helm(told())
    assert made["faults"] == []
    assert "demo-fastchat-worker-vicuna" in {name_of(one) for one in made["manifests"]}


@pytest.mark.parametrize("values", [PLAIN, FULL], ids=["plain", "full"])
def test_helm_and_kubernetes_find_nothing_to_say(values: Mapping[str, Any]) -> None:
    made = helm(values)
    assert made["faults"] == []
    kinds = {one["kind"] for one in made["manifests"]}
    wanted = {"Deployment", "StatefulSet", "Service", "PodDisruptionBudget", "NetworkPolicy"}
    further = {"PersistentVolumeClaim", "ServiceMonitor"} if values is FULL else set()
    assert kinds == wanted | further


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "name a Secret with the entries cluster-token and api-keys"),
        (PLAIN | {"wrokers": []}, "'wrokers' not allowed"),
        (PLAIN | {"controller": {"replicas": 2}}, "/controller/replicas"),
        (PLAIN | {"workers": [{"name": "Big", "modelPath": "x"}]}, "/workers/0/name"),
        (PLAIN | {"workers": [{"name": "big", "modelPath": "x"}] * 2}, "two are called"),
        (PLAIN | {"web": {"replicas": 2, "data": {"size": "1Gi"}}}, "cannot share web.data"),
    ],
)
def test_what_makes_no_sense_is_refused_and_it_is_said_why(
    values: Mapping[str, Any], why: str
) -> None:
    assert why in helm(values)["refused"]


def test_a_pod_may_little(full: list[Manifest]) -> None:
    for pod in pods(full):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        written = {one["mountPath"] for one in container["volumeMounts"]}
        assert written <= {"/tmp", "/var/lib/fastchat", "/dev/shm"}


def test_it_runs_the_image_that_is_built_here(full: list[Manifest]) -> None:
    dockerfile = (DEPLOY / "docker" / "Dockerfile").read_text()
    (user,) = re.findall(r"useradd .*--uid (\d+)", dockerfile)
    for pod in pods(full):
        assert pod["containers"][0]["image"] == f"fastchat:{__version__}"
        assert pod["securityContext"]["runAsUser"] == int(user)


def test_secrets_are_named_and_never_told(full: list[Manifest]) -> None:
    for pod in pods(full):
        told = {one["name"]: one for one in pod["containers"][0]["env"]}
        secret = {name for name, one in told.items() if "secretKeyRef" in one.get("valueFrom", {})}
        assert "FASTCHAT_CLUSTER_TOKEN" in secret
        assert secret >= told.keys() - {"POD_NAME", "OTEL_EXPORTER_OTLP_ENDPOINT"}


def test_what_selects_pods_finds_some(full: list[Manifest]) -> None:
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in full if is_workload(one)]
    for one in full:
        spec = one["spec"]
        match one["kind"]:
            case "Service":
                wanted = spec["selector"]
            case "PodDisruptionBudget" | "Deployment" | "StatefulSet" | "ServiceMonitor":
                wanted = spec["selector"]["matchLabels"]
            case "NetworkPolicy":
                wanted = spec["podSelector"]["matchLabels"]
            case _:
                continue
        assert any(wanted.items() <= found.items() for found in labels), one


def test_workers_are_called_by_this_platform_and_who_is_named_only(full: list[Manifest]) -> None:
    (policy,) = [one for one in full if one["kind"] == "NetworkPolicy" and "worker" in name_of(one)]
    (allowed,) = policy["spec"]["ingress"]
    own, named = allowed["from"]
    assert own["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "demo"
    assert named == FULL["networkPolicy"]["alsoFrom"][0]
    assert allowed["ports"] == [{"port": 21002}]


def test_jobs_are_called_as_rules_and_dashboards_call_them(full: list[Manifest]) -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    endpoints = [one["spec"]["endpoints"][0] for one in full if one["kind"] == "ServiceMonitor"]
    jobs = {one["relabelings"][0]["replacement"] for one in endpoints}
    assert jobs == {job["job_name"] for job in config["scrape_configs"]}
    assert all(one["authorization"]["credentials"]["key"] == "cluster-token" for one in endpoints)


@pytest.mark.timeout(240)
def test_its_commands_make_a_platform_and_its_probes_find_it_well(tmp_path: Path) -> None:
    made = list(helm(PLAIN)["manifests"])
    containers = [container_of(one) for one in made if is_workload(one)]
    assert {one.name for one in containers} == {"controller", "worker", "api", "web"}
    with started(containers, tmp_path) as here:
        for workload in filter(is_workload, made):
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                wait_for(partial(finds_well, workload, probe, here), 120)
        must_answer_who_has(SECRETS["api-keys"], here.url("api"))


def is_workload(manifest: Manifest) -> bool:
    return manifest["kind"] in ("Deployment", "StatefulSet")


def pods(manifests: list[Manifest]) -> Iterator[dict[str, Any]]:
    yield from (one["spec"]["template"]["spec"] for one in manifests if is_workload(one))


def name_of(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])


def container_of(workload: Manifest) -> Container:
    """As Kubernetes starts its first pod."""
    (spec,) = workload["spec"]["template"]["spec"]["containers"]
    host, (port,) = name_of(workload), spec["ports"]
    environ = {"POD_NAME": f"{host}-0"}
    for one in spec["env"]:
        reference = one.get("valueFrom", {}).get("secretKeyRef", {})
        if (value := SECRETS.get(reference.get("key"))) is not None:
            environ[one["name"]] = value
    if workload["kind"] == "StatefulSet":
        host = f"{host}-0.{workload['spec']['serviceName']}.models.svc"
    return Container(
        name=spec["name"],
        host=host,
        port=port["containerPort"],
        command=[word.replace("$(POD_NAME)", environ["POD_NAME"]) for word in spec["args"]],
        environ=environ,
    )


def finds_well(workload: Manifest, probe: str, here: Here) -> bool:
    (spec,) = workload["spec"]["template"]["spec"]["containers"]
    asked = spec[probe]["httpGet"]
    assert asked["port"] == "http"
    return answers(here.url(spec["name"]) + asked["path"])
