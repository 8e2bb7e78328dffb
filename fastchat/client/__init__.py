"""Typed clients of our own controller and workers, and servers of models as engines."""

from fastchat.client.announced import announced_template
from fastchat.client.controller import ControllerClient
from fastchat.client.engine import engine_for
from fastchat.client.legacy_engine import LegacyEngine
from fastchat.client.neighbours import Neighbours
from fastchat.client.openai_engine import OpenAIEngine
from fastchat.client.worker import WorkerClient, WorkerFault

__all__ = [
    "ControllerClient",
    "LegacyEngine",
    "Neighbours",
    "OpenAIEngine",
    "WorkerClient",
    "WorkerFault",
    "announced_template",
    "engine_for",
]
