"""TLS for clients, and from the gateway to its workers, with a certificate made for the tests."""

import json
import ssl
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from fastchat.core.errors import ConfigError
from fastchat.core.tls import Certificate, TlsFlags
from fastchat.dispatch import Table
from fastchat.gateway.config import RELAYS
from fastchat.protocol.cluster import WorkerEntry
from tests.apps import gateway_service, worker_app
from tests.scripted import ScriptedEngine
from tests.servers import running

PEM = Path(__file__).parents[1] / "certificates" / "localhost.pem"
CERTIFICATE = Certificate(PEM)
ASK = {"model": "m", "messages": "hi", "stream": True}


@pytest.mark.parametrize("way", RELAYS)
async def test_completions_pass_through_tls_on_both_sides(
    table: Table, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))  # whom OpenSSL trusts, read when it is needed
    reported: list[object] = []
    service = gateway_service(table, report=reported.append)
    below = service.endpoints if way == "below-asgi" else {}
    async with (
        running(worker_app(ScriptedEngine()), certificate=CERTIFICATE) as worker,
        running(service.app, endpoints=below, certificate=CERTIFICATE) as gateway,
        httpx.AsyncClient(verify=ssl.create_default_context(cafile=PEM), trust_env=False) as client,
    ):
        address = f"https://localhost:{worker.config.port}"
        table.put(WorkerEntry(address=address, model_names=("m",), dialects=("openai",)))
        url = f"https://127.0.0.1:{gateway.config.port}/v1/chat/completions"
        for _ in range(2):
            answer = await client.post(url, content=json.dumps(ASK))
            assert answer.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("environ", "flags", "found"),
    [
        ({}, TlsFlags(), None),
        ({"SSL_CERTFILE": str(PEM), "SSL_KEYFILE": str(PEM)}, TlsFlags(), None),
        (
            {"SSL_CERTFILE": str(PEM), "SSL_KEYFILE": str(PEM)},
            TlsFlags(ssl=True),
            Certificate(PEM, PEM),
        ),
        ({}, TlsFlags(ssl_certfile=PEM), CERTIFICATE),
    ],
)
def test_flags_and_the_old_environment_name_the_files(
    monkeypatch: pytest.MonkeyPatch,
    environ: Mapping[str, str],
    flags: TlsFlags,
    found: Certificate | None,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert flags.certificate == found
    assert flags.scheme == ("http" if found is None else "https")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (TlsFlags(ssl=True), "SSL_CERTFILE"),
        (TlsFlags(ssl_keyfile=PEM), "--ssl-certfile"),
        (TlsFlags(ssl_certfile=Path(__file__)), "test_tls.py"),
        (TlsFlags(ssl_certfile=Path("/nowhere.pem")), "nowhere.pem: .*No such file"),
    ],
)
def test_files_that_are_no_good_are_refused_before_anything_starts(
    flags: TlsFlags, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        _ = flags.certificate
