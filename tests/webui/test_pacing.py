import asyncio

from fastchat.webui.pacing import paced


async def test_changes_between_two_updates_are_one_update() -> None:
    changed, rounds = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        for _ in range(1000):
            changed.set()
            await asyncio.sleep(0)
        rounds.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(work())
    news = paced(task, changed, every_s=0.001)
    await anext(news)
    await rounds.wait()
    await anext(news)
    assert not changed.is_set()  # all thousand are told
    task.cancel()
    assert [one async for one in news] == []


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_while_nothing_changes_it_still_yields() -> None:
    task = asyncio.create_task(for_ever())
    news = paced(task, asyncio.Event(), 0.001, still_s=0.001)
    await anext(news)
    await anext(news)
    await news.aclose()
    task.cancel()


async def test_it_ends_with_the_work() -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    news = paced(asyncio.create_task(work()), asyncio.Event(), 60)
    assert [one async for one in news] == []


async def test_the_end_does_not_wait_for_the_next_update() -> None:
    changed, end = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        changed.set()
        await end.wait()

    news = paced(asyncio.create_task(work()), changed, every_s=3600)
    await anext(news)
    end.set()
    assert [one async for one in news] == []
