"""An engine that plays a part: paced, the same every time, and faulty where it is told to be."""

from fastchat.engines.scripted.engine import Options, ScriptedEngine, answer, create
from fastchat.engines.scripted.faults import MARKS, Fault, Faults

__all__ = ["MARKS", "Fault", "Faults", "Options", "ScriptedEngine", "answer", "create"]
