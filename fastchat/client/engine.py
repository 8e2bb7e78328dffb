"""Which engine speaks with a worker of the table."""

import aiohttp

from fastchat.client.legacy_engine import LegacyEngine
from fastchat.client.openai_engine import OpenAIEngine
from fastchat.client.worker import WorkerClient
from fastchat.core.generation import Engine
from fastchat.protocol.cluster import WorkerEntry


def engine_for(
    entry: WorkerEntry,
    session: aiohttp.ClientSession,
    *,
    token: str | None = None,
    silence_s: float = 100.0,
) -> Engine:
    """`session` stays open as long as the engine is used; the engine does not close it."""
    if "openai" in entry.dialects:
        return OpenAIEngine(
            session,
            entry.address,
            entry.model_names,
            token=token,
            silence_s=silence_s,
            resumes=entry.resumes,
        )
    worker = WorkerClient(session, entry.address, token=token, silence_s=silence_s)
    return LegacyEngine(worker, entry.model_names, silence_s)
