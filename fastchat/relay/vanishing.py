"""Peers that vanish: a machine lost its power or its network, and no FIN and no RST ever came."""

import socket
import sys

# Long enough for a network that changes its routes, and longer than a client may leave unread.
GONE_S = 30.0


def end_without(tcp: socket.socket, gone_s: float) -> None:
    """Let the kernel end a connection whose peer acknowledges nothing for so long: neither what was
    sent nor, when nothing is, the kernel's own questions. A peer that takes nothing counts as gone,
    too. (Linux; elsewhere the kernel asks after hours.)"""
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(gone_s * 1000))
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, int(gone_s / 2)))
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, int(gone_s / 6)))
