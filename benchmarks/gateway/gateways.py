"""The gateways: how each is installed and started as the same proxy before the same upstream."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import fastchat
from benchmarks.gateway import nginx
from benchmarks.gateway.environments import NotRun, environment, own_environment
from benchmarks.gateway.scenarios import MODEL

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """Where one gateway stands. `spare_port` is for its metrics, `folder` its own; `flags` are
    further ones of our API server."""

    folder: Path
    cache: Path
    port: int
    spare_port: int
    upstream_port: int
    controller_port: int
    key: str
    processes: int
    flags: Sequence[str]
    say: Callable[[str], None]

    @property
    def upstream(self) -> str:
        return f"http://127.0.0.1:{self.upstream_port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    command: list[str]
    version: str
    environment: Mapping[str, str] = field(default_factory=dict)


def fastchat_launch(site: Site) -> Launch:
    """As its wheel is built, with the path of a request as machine code."""
    return _own(site, own_environment(ROOT, site.cache, site.say) / "bin" / "python")


def source_launch(site: Site) -> Launch:
    """The same source as plain Python."""
    return _own(site, Path(sys.executable), {"PYTHONPATH": str(ROOT)})


def _own(site: Site, python: Path, environment: Mapping[str, str] = MappingProxyType({})) -> Launch:
    """Keys and accounting on, log lines off."""
    keys = site.folder / "keys"
    keys.touch(mode=0o600)
    keys.write_text(site.key)
    server = [str(python), "-m", "fastchat.serve.openai_api_server"]
    return Launch(
        command=[
            *server,
            *("--host", "127.0.0.1", "--port", str(site.port), "--logdir", ""),
            *("--controller-address", f"http://127.0.0.1:{site.controller_port}"),
            *("--api-keys-file", str(keys), *site.flags),
            *(("--workers", str(site.processes)) if site.processes > 1 else ()),
        ],
        version=_own_version(),
        environment=environment,
    )


def nginx_launch(site: Site) -> Launch:
    command = nginx.command(site.folder, site.port, site.upstream_port, site.processes)
    told = subprocess.run([command[0], "-v"], capture_output=True, text=True, check=True).stderr
    return Launch(command=command, version=told.strip().rpartition("/")[2])


def vllm_router_launch(site: Site) -> Launch:
    return _router(site, "vllm-router==0.1.17", "vllm_router.launch_router")


def sglang_router_launch(site: Site) -> Launch:
    return _router(site, "sglang-router==0.3.2", "sglang_router.launch_router")


def _router(site: Site, requirement: str, module: str) -> Launch:
    if site.processes > 1:
        raise NotRun("it is one process")
    python = environment(requirement, site.cache, site.say) / "bin" / "python"
    return Launch(
        command=[
            *(str(python), "-m", module, "--host", "127.0.0.1", "--port", str(site.port)),
            *("--worker-urls", site.upstream, "--policy", "round_robin"),
            *("--prometheus-host", "127.0.0.1", "--prometheus-port", str(site.spare_port)),
            *("--log-level", "error"),
        ],
        version=requirement.rpartition("=")[2],
    )


def litellm_launch(site: Site) -> Launch:
    requirement = "litellm[proxy]==1.106.2"
    folder = environment(requirement, site.cache, site.say)
    file = site.folder / "litellm.yaml"
    file.write_text(litellm_config(site))
    return Launch(
        command=[
            *(str(folder / "bin" / "litellm"), "--config", str(file), "--host", "127.0.0.1"),
            *("--port", str(site.port), "--num_workers", str(site.processes)),
        ],
        version=requirement.rpartition("=")[2],
        environment={
            # Without keys: it is measured at its cheapest.
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
        },
    )


def litellm_config(site: Site) -> str:
    return f"""model_list:
  - model_name: {MODEL}
    litellm_params:
      model: openai/{MODEL}
      api_base: {site.upstream}/v1
      api_key: none
litellm_settings:
  telemetry: false
"""


def _own_version() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return f"{fastchat.__version__} {commit}".strip()


OURS = "fastchat"
SOURCE = "plain Python"
NGINX = "nginx"
PEERS: Mapping[str, Callable[[Site], Launch]] = {
    SOURCE: source_launch,
    NGINX: nginx_launch,
    "vllm-router": vllm_router_launch,
    "sglang-router": sglang_router_launch,
    "litellm": litellm_launch,
}
GATEWAYS: Mapping[str, Callable[[Site], Launch]] = {OURS: fastchat_launch, **PEERS}
# These run a second time, as two processes.
PAIRED = (OURS, NGINX)
