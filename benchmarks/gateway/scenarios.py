"""What is asked of every gateway, and the bytes it is asked with."""

import json
from dataclasses import dataclass

MODEL = "bench"
FLOOD_RATE = 200
PACED_RATE = 50
LARGE_BYTES = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """`connections` ask at a time. Without `chunks_per_s` streams come as fast as they can; with it
    there is one stream a connection, as long as the round."""

    name: str
    connections: int
    chunks: int = 0
    gap_us: int = 0
    chunks_per_s: int = 0
    prompt_bytes: int = 0

    def of(self, seconds: float) -> "Load":
        if not self.chunks_per_s:
            return Load(self, self.chunks, self.gap_us, seconds, stagger_us=0)
        return Load(
            self,
            chunks=int(self.chunks_per_s * seconds),
            gap_us=1_000_000 // self.chunks_per_s,
            seconds=seconds,
            stagger_us=STAGGER_US,
        )


@dataclass(frozen=True, slots=True)
class Load:
    """A scenario of a certain length."""

    scenario: Scenario
    chunks: int
    gap_us: int
    seconds: float
    stagger_us: int

    def arguments(self, port: int, grace_s: float) -> list[str]:
        """What the client is told. Streams of a rate need their stagger beyond the seconds."""
        once = self.stagger_us > 0
        words = (
            port,
            self.scenario.connections,
            self.seconds + self.stagger_us / 1e6,
            grace_s,
            int(once),
            self.stagger_us,
            self.chunks,
            self.gap_us,
        )
        return [f"{word:g}" if isinstance(word, float) else str(word) for word in words]

    def request(self, key: str) -> bytes:
        order = f"chunks={self.chunks} gap_us={self.gap_us}" if self.chunks else "Hello there."
        return request(key, order + "x" * self.scenario.prompt_bytes, stream=self.chunks > 0)


# Streams that begin over a quarter of a second do not beat in step.
STAGGER_US = 250_000

SCENARIOS = (
    Scenario(name="c1", connections=1),
    Scenario(name="c32", connections=32),
    Scenario(name="c128", connections=128),
    Scenario(name="large", connections=8, prompt_bytes=LARGE_BYTES),
    Scenario(name="burst", connections=64, chunks=200),
    Scenario(name="flood", connections=256, chunks_per_s=FLOOD_RATE),
    Scenario(name="paced", connections=64, chunks_per_s=PACED_RATE),
    Scenario(name="s1", connections=1, chunks=30, gap_us=1000),
)


def request(key: str, prompt: str, *, stream: bool) -> bytes:
    body = request_body(prompt, stream=stream)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: benchmark\r\n"
        f"accept: */*\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def request_body(prompt: str, *, stream: bool) -> bytes:
    return json.dumps(
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0.7,
            "max_tokens": 256,
            "stream": stream,
        }
    ).encode()
