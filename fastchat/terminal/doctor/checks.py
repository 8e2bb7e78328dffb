"""All checks, in the order in which they are made. A new one is a line here."""

from collections.abc import Mapping
from types import MappingProxyType

from fastchat.terminal.doctor.cards import cards
from fastchat.terminal.doctor.engines import engines, one_engine
from fastchat.terminal.doctor.finding import Check
from fastchat.terminal.doctor.machine import disk, ports
from fastchat.terminal.doctor.reachable import platform
from fastchat.terminal.doctor.versions import versions

CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "versions": versions,
        "engines": engines,
        "cards": cards,
        "ports": ports,
        "disk": disk,
        "platform": platform,
    }
)

# With --engine.
ENGINE_CHECKS: Mapping[str, Check] = MappingProxyType({"engine": one_engine})
