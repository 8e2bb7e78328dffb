import asyncio
import socket

import httpx
import pytest

from fastchat.controller.app import create_service
from fastchat.controller.pool import WorkerPool
from fastchat.controller.trust import Trust
from fastchat.core.errors import InvalidRequest, NoPermission
from fastchat.relay import Limits, Relay
from tests.servers import RawServer, read_request

OPEN = Trust(None)
CLOSED = Trust("secret")


async def test_a_local_caller_may_name_a_loopback_address() -> None:
    await OPEN.check("http://127.0.0.1:31000", "127.0.0.1")
    await OPEN.check("http://localhost:31000", "::1")


async def test_a_local_caller_may_name_an_address_of_this_machine() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: asks for the address of the route
        except OSError:
            pytest.skip("this machine has no address but loopback")
        own = probe.getsockname()[0]
    await OPEN.check(f"http://{own}:31000", "127.0.0.1")


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("http://127.0.0.1:31000", "192.0.2.7"),
        ("http://192.0.2.8:31000", "192.0.2.7"),
        ("http://192.0.2.8:31000", "127.0.0.1"),
        ("http://169.254.169.254", "127.0.0.1"),
        ("http://0.0.0.0:1", "127.0.0.1"),
        ("http://[fe80::1]:1", "127.0.0.1"),
        ("http://[::ffff:192.0.2.8]:1", "127.0.0.1"),
    ],
)
async def test_other_addresses_are_refused(address: str, caller: str) -> None:
    with pytest.raises(NoPermission):
        await OPEN.check(address, caller)


async def test_a_caller_may_name_its_own_address() -> None:
    await OPEN.check("http://192.0.2.7:31000", "192.0.2.7")
    await OPEN.check("http://192.0.2.7:31000", "::ffff:192.0.2.7")


async def test_with_a_token_any_address_but_link_local_is_allowed() -> None:
    await CLOSED.check("http://192.0.2.8:31000", "192.0.2.7")
    for metadata in ("169.254.169.254", "[fd00:ec2::254]", "100.100.100.200"):
        with pytest.raises(NoPermission):
            await CLOSED.check(f"http://{metadata}", "127.0.0.1")


async def test_a_host_nobody_knows_is_a_bad_request() -> None:
    with pytest.raises(InvalidRequest, match="not known here"):
        await OPEN.check("http://no-such-host.invalid:1", "127.0.0.1")


async def test_with_a_token_only_those_who_know_it_get_in(pool: WorkerPool) -> None:
    app = create_service(pool, Relay(Limits()), CLOSED).app
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://c") as client:
        assert (await client.get("/test_connection")).status_code == 200
        for path in ("/register_worker", "/list_models", "/worker_generate_stream"):
            assert (await client.post(path, json={})).status_code == 401
        assert (await client.get("/workers/watch")).status_code == 401
        known = {"authorization": "Bearer secret"}
        assert (await client.post("/list_models", headers=known)).status_code == 200


async def test_the_relay_opens_workers_that_have_the_token(pool: WorkerPool) -> None:
    heads: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await read_request(reader))[0])
        writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"text": "hi", "error_code": 0}\0{"cut')

    relay = Relay(Limits())
    app = create_service(pool, relay, CLOSED).app
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 5))
    known = {"authorization": "Bearer secret"}
    async with (
        RawServer(script).listening() as port,
        httpx.AsyncClient(transport=transport, base_url="http://c", headers=known) as client,
    ):
        status = {"model_names": ["m"]}
        worker = {"worker_name": f"http://127.0.0.1:{port}", "worker_status": status}
        assert (await client.post("/register_worker", json=worker)).status_code == 200
        answer = await client.post("/worker_generate_stream", json={"model": "m"})
    await relay.aclose()
    assert answer.content == b'{"text": "hi", "error_code": 0}\0'
    assert b"authorization: Bearer secret\r\n" in heads[0]
