"""Engines that run as servers of their own, each in its interpreter: children, or by their URL."""

from fastchat.engines.served.engine import ServedEngine, create
from fastchat.engines.served.options import Options
from fastchat.engines.served.row import Row
from fastchat.engines.served.rows import ROWS

__all__ = ["ROWS", "Options", "Row", "ServedEngine", "create"]
