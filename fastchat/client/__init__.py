"""Typed clients of our own controller and workers, and of servers that speak the OpenAI API."""

from fastchat.client.controller import ControllerClient
from fastchat.client.openai_engine import OpenAIEngine
from fastchat.client.worker import WorkerClient, WorkerFault

__all__ = ["ControllerClient", "OpenAIEngine", "WorkerClient", "WorkerFault"]
