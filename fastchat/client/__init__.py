"""Typed clients of our own controller and workers."""

from fastchat.client.controller import ControllerClient, ControllerFault
from fastchat.client.worker import WorkerClient, WorkerFault

__all__ = ["ControllerClient", "ControllerFault", "WorkerClient", "WorkerFault"]
