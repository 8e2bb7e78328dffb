"""Bytes from a client to a worker and back."""

from fastchat.relay.client import Relay
from fastchat.relay.connection import Limits, Response, UpstreamFault

__all__ = ["Limits", "Relay", "Response", "UpstreamFault"]
