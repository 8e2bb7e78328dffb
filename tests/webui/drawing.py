"""Pictures as a browser sends them."""

import base64
import json
import struct
import zlib
from collections.abc import Sequence

Colour = tuple[int, int, int]


def png(red: int = 200, *, edge: int = 8) -> bytes:
    """One colour all over."""
    return encoded([[(red, 40, 90)] * edge] * edge)


def encoded(rows: Sequence[Sequence[Colour]]) -> bytes:
    size = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0)
    points = b"".join(b"\0" + bytes(value for one in row for value in one) for row in rows)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(said)) + kind + said + struct.pack(">I", zlib.crc32(kind + said))
        for kind, said in ((b"IHDR", size), (b"IDAT", zlib.compress(points)), (b"IEND", b""))
    )


def url_of(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def sent(*urls: str) -> str:
    return json.dumps(urls)
