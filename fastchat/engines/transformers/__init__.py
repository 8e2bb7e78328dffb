"""Hugging Face checkpoints in this process, batched: on the CPU or on an accelerator."""

from fastchat.engines.transformers.build import create
from fastchat.engines.transformers.options import Options

__all__ = ["Options", "create"]
