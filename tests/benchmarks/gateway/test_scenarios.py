import json

from benchmarks.gateway.scenarios import SCENARIOS, Load

LOADS = {scenario.name: scenario.of(2.0) for scenario in SCENARIOS}


def _body(load: Load) -> dict[str, object]:
    head, _, body = load.request("sesame").partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert b"authorization: Bearer sesame" in head
    decoded = json.loads(body)
    assert isinstance(decoded, dict)
    return decoded


def test_streams_of_a_rate_last_as_long_as_the_round() -> None:
    flood = LOADS["flood"]
    assert (flood.chunks, flood.gap_us) == (400, 5000)
    assert flood.chunks * flood.gap_us == 2_000_000


def test_the_upstream_is_told_by_the_prompt_what_to_stream() -> None:
    body = _body(LOADS["paced"])
    assert body["stream"] is True
    assert "chunks=100 gap_us=20000" in json.dumps(body["messages"])


def test_plain_requests_do_not_ask_for_a_stream() -> None:
    body = _body(LOADS["c32"])
    assert body["stream"] is False
    assert "chunks=" not in json.dumps(body["messages"])


def test_a_large_prompt_is_large() -> None:
    assert len(LOADS["large"].request("k")) > 200_000


def test_the_client_is_told_to_wait_for_the_last_stream_to_begin() -> None:
    port, connections, seconds, grace, once, stagger, *_ = LOADS["flood"].arguments(80, 4.0)
    assert (port, connections, grace, once) == ("80", "256", "4", "1")
    assert float(seconds) == 2 + int(stagger) / 1e6
