import httpx

from fastchat.controller.pool import WorkerPool
from fastchat.protocol.cluster import Departure, HeartBeat, Registration, WorkerStatus
from tests.exposition import Told

WORKER = "http://localhost:31000"


def register(pool: WorkerPool, *, address: str = WORKER, epoch: int | None = 1) -> None:
    dialects = () if epoch is None else ("openai",)
    status = WorkerStatus(model_names=("m",), queue_length=3)
    pool.register(
        Registration(worker_name=address, worker_status=status, epoch=epoch, dialects=dialects)
    )


async def told(controller: httpx.AsyncClient) -> Told:
    return Told((await controller.get("/metrics")).text)


async def targets(controller: httpx.AsyncClient) -> dict[str, str]:
    """States by target."""
    listed = (await controller.get("/prometheus/sd")).json()
    return {one["targets"][0]: one["labels"]["__meta_fastchat_state"] for one in listed}


async def test_the_table_is_told(pool: WorkerPool, controller: httpx.AsyncClient) -> None:
    register(pool)
    pool.choose("m")
    pool.beat(HeartBeat(worker_name=WORKER, queue_length=4, epoch=1, cache_usage=0.25))
    figures = await told(controller)
    assert figures.value("controller_worker_cache_usage_ratio", worker=WORKER) == 0.25
    assert figures.value("controller_workers", state="registered") == 1
    assert figures.value("controller_model_workers", model="m") == 1
    assert figures.value("controller_worker_queue_length", worker=WORKER) == 4
    assert figures.value("controller_dispatches_total") == 1
    assert figures.value("controller_heart_beats_total") == 1


async def test_a_lost_worker_is_a_target_for_ten_minutes(
    pool: WorkerPool, controller: httpx.AsyncClient, now: list[float]
) -> None:
    register(pool)
    assert await targets(controller) == {"localhost:31000": "registered"}
    now[0] = 91
    pool.sweep()
    assert await targets(controller) == {"localhost:31000": "lost"}
    assert (await told(controller)).value("controller_model_workers", model="m") == 0
    now[0] = 700
    pool.sweep()
    assert await targets(controller) == {}
    assert (await told(controller)).labels("controller_worker_starts_total", "worker") == set()


async def test_one_that_comes_back_is_not_lost(
    pool: WorkerPool, controller: httpx.AsyncClient, now: list[float]
) -> None:
    register(pool)
    now[0] = 91
    pool.sweep()
    register(pool, epoch=2)
    assert await targets(controller) == {"localhost:31000": "registered"}
    assert (await told(controller)).value("controller_worker_starts_total", worker=WORKER) == 2


async def test_one_that_said_goodbye_is_no_target(
    pool: WorkerPool, controller: httpx.AsyncClient
) -> None:
    register(pool)
    pool.leave(Departure(worker_name=WORKER, epoch=1))
    assert await targets(controller) == {}
    figures = await told(controller)
    assert figures.value("controller_workers_gone_total", how="left") == 1
    assert figures.value("controller_workers_gone_total", how="lost") == 0


async def test_a_worker_of_0_2_36_tells_no_figures_and_is_no_target(
    pool: WorkerPool, controller: httpx.AsyncClient
) -> None:
    register(pool, epoch=None)
    assert await targets(controller) == {}


async def test_a_target_says_how_it_is_reached(
    pool: WorkerPool, controller: httpx.AsyncClient
) -> None:
    register(pool, address="https://gpu1:31000/a/")
    (listed,) = (await controller.get("/prometheus/sd")).json()
    assert listed["targets"] == ["gpu1:31000"]
    assert listed["labels"]["__scheme__"] == "https"
    assert listed["labels"]["__metrics_path__"] == "/a/metrics"
    assert listed["labels"]["__meta_fastchat_models"] == "m"
