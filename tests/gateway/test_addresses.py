"""Whom a client's URL may lead to, and who looks that up."""

import asyncio
import socket
import threading

import pytest

from fastchat.gateway.addresses import LOOKUPS, Hosts, is_public
from fastchat.gateway.pictures import MOST, Pictures
from tests.servers import until


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::1",
        "2001:0:7f00:1::1",
        "2130706433",
        "127.1",
        "nonsense",
    ],
)
def test_what_is_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8"])
def test_what_is_outside_is(address: str) -> None:
    assert is_public(address)


def test_hosts_are_names_or_all_below_one() -> None:
    hosts = Hosts(["a.org", "*.B.org"])
    assert [host in hosts for host in ("a.org", "A.org.", "x.b.org", "b.org", "x.a.org")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert "anything" in Hosts(["*"])
    assert "anything" not in Hosts()


async def test_names_that_nobody_answers_for_keep_nobody_else_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered, asking = threading.Event(), list[object]()

    def silent(*asked: object, **_: object) -> list[object]:
        asking.append(asked)
        answered.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    pictures = Pictures(hosts=Hosts(["*"]))
    asked = asyncio.create_task(pictures.fetched([f"http://{n}.org/" for n in range(MOST)], 1))
    try:
        await until(lambda: len(asking) == LOOKUPS)
        assert await asyncio.wait_for(asyncio.to_thread(int, "7"), 5) == 7
    finally:
        answered.set()
        asked.cancel()
        await pictures.aclose()
