import asyncio
import threading
from collections.abc import Callable
from typing import cast

import pytest

from fastchat.core.mailbox import Doorbell, Mailbox


async def test_everything_arrives_in_order_from_another_thread() -> None:
    mailbox: Mailbox[int] = Mailbox(asyncio.get_running_loop())

    def send() -> None:
        for number in range(5000):
            mailbox.put(number)

    sender = threading.Thread(target=send)
    sender.start()
    taken: list[int] = []
    while len(taken) < 5000:
        taken += await mailbox.take()
    sender.join()
    assert taken == list(range(5000))


async def test_what_came_together_is_taken_together() -> None:
    mailbox: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    for item in "abc":
        mailbox.put(item)
    assert await mailbox.take() == ["a", "b", "c"]


async def test_a_failure_comes_after_the_items_before_it() -> None:
    mailbox: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    mailbox.put("a")
    mailbox.fail(ValueError("no"))
    assert await mailbox.take() == ["a"]
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            await mailbox.take()


async def test_an_empty_wake_up_is_not_an_item() -> None:
    mailbox: Mailbox[str] = Mailbox(asyncio.get_running_loop())
    mailbox.put("a")
    await mailbox.take()
    mailbox._wake()
    taking = asyncio.ensure_future(mailbox.take())
    await asyncio.sleep(0)
    mailbox.put("b")
    assert await taking == ["b"]


async def test_a_bell_wakes_the_loop_once_for_everybody() -> None:
    loop, rung = asyncio.get_running_loop(), list[object]()

    class Counting:
        def call_soon_threadsafe(self, call: Callable[[], object]) -> None:
            rung.append(loop.call_soon_threadsafe(call))

    bell = Doorbell(cast(asyncio.AbstractEventLoop, Counting()))
    mailboxes = [Mailbox[int](loop, bell.soon) for _ in range(3)]
    for number, mailbox in enumerate(mailboxes):
        mailbox.put(number)
    assert [await mailbox.take() for mailbox in mailboxes] == [[0], [1], [2]]
    assert len(rung) == 1
    mailboxes[0].put(3)
    assert await mailboxes[0].take() == [3]
    assert len(rung) == 2
