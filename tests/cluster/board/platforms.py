"""A platform as `fastchat up` writes it down, with statuses of one's choice."""

import os
from pathlib import Path

from fastchat.cluster.birth import birth
from fastchat.cluster.plan import ProcessSpec, plan
from fastchat.cluster.platform import ModelSpec, PageSpec, Platform
from fastchat.cluster.state import PlatformState, ProcessState
from fastchat.cluster.status import Status

SPECS = plan(Platform(models=(ModelSpec(path="small", replicas=2),), page=PageSpec(enabled=False)))
SINCE = 1000.0


def process(spec: ProcessSpec, status: Status | None = None) -> ProcessState:
    return ProcessState(
        role=spec.role,
        address=spec.address,
        port=spec.port,
        log=f"/logs/{spec.name}.log",
        models=spec.models,
        status=status or Status(process=spec.name, state="ready", pid=11),
        since=SINCE,
    )


def running(*statuses: Status, logdir: Path = Path("/logs")) -> PlatformState:
    """Of this very process; who has no status here is ready."""
    told = {status.process: status for status in statuses}
    return PlatformState(
        pid=os.getpid(),
        birth=birth(os.getpid()) or "",
        began=SINCE,
        logdir=str(logdir),
        grace_s=15.0,
        processes=tuple(process(spec, told.get(spec.name)) for spec in SPECS),
    )
