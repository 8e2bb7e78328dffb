"""All checks, in the order in which they are made. A new one is a line here."""

from collections.abc import Mapping
from types import MappingProxyType

from fastchat.terminal.doctor.engines import engines, one_engine
from fastchat.terminal.doctor.finding import Check

CHECKS: Mapping[str, Check] = MappingProxyType({"engines": engines})

# With --engine.
ENGINE_CHECKS: Mapping[str, Check] = MappingProxyType({"engine": one_engine})
