import pytest

from fastchat.worker.meter import Meter


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_steady_stream_shows_its_speed() -> None:
    clock = Clock()
    meter = Meter(clock)
    for _ in range(200):
        clock.now += 0.1
        meter.add(5)
    assert meter.tokens == 1000
    assert meter.tokens_per_s() == pytest.approx(50, rel=0.05)


def test_silence_fades() -> None:
    clock = Clock()
    meter = Meter(clock)
    assert meter.tokens_per_s() == 0
    meter.add(100)
    before = meter.tokens_per_s()
    clock.now += 20
    assert meter.tokens_per_s() < before / 1000
