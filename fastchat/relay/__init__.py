"""Bytes from a client to a worker and back."""

from fastchat.relay.client import Relay
from fastchat.relay.connection import Limits, UpstreamFault
from fastchat.relay.response import Response, opened

__all__ = ["Limits", "Relay", "Response", "UpstreamFault", "opened"]
