"""Typed clients of our own controller and workers."""

from fastchat.client.controller import ControllerClient
from fastchat.client.worker import WorkerClient, WorkerFault

__all__ = ["ControllerClient", "WorkerClient", "WorkerFault"]
