"""Tokens a second of the engine for Hugging Face checkpoints, beside what it stands on.

    make bench-transformers

The same weights, type and threads, in one process, and rounds that take turns: our engine, the bare
manager of transformers, and plain `generate` for one stream. Ratios are of neighbours. CPU seconds
are the process's own. Then: how soon eight cancelled streams free what they held, and memory after
many mixed requests. On an accelerator: `python -m benchmarks.transformers.accelerator`.
"""

import argparse
import asyncio
import random
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.transformers.asking import PROMPT, Round, answered, asked, checked
from benchmarks.transformers.models import folder_of
from fastchat import __version__
from fastchat.core.errors import InvalidRequest
from fastchat.engines.transformers import Options
from fastchat.engines.transformers.build import generating_engine as create
from fastchat.engines.transformers.engine import TransformersEngine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="", help="a folder, random-1b or random-7b")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--mixed", type=int, default=500, help="mixed requests for the memory")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device")
    args = parser.parse_args()
    with folder_of(args.model) as folder:
        asyncio.run(_measure(args, folder))


async def _measure(args: argparse.Namespace, folder: Path) -> None:
    engine = create(
        Options(
            model=folder,
            names=("m",),
            slots=max(args.streams),
            threads=args.threads,
            context_length=1024,
            device=args.device,
        )
    )
    _say(_title(engine, args))
    try:
        rates = await _speed(engine, args)
        await _after_cancel(engine)
        await _after_many(engine, args.mixed)
    finally:
        await engine.aclose()
    one, most = rates[min(rates)], rates[max(rates)]
    _say(f"{max(rates)} streams against {min(rates)}: {most / one:.2f} x the tokens a second")


async def _speed(engine: TransformersEngine, args: argparse.Namespace) -> dict[int, float]:
    table = Table()
    for column in ("streams", "tok/s", "tok/CPU-s", "of the bare manager's tok/CPU-s", "of"):
        table.add_column(column, justify="right")
    rates = {}
    for count in args.streams:
        await answered(engine, count, args.tokens)
        pairs: list[tuple[Round, Round, Round | None]] = []
        for _ in range(args.rounds):
            ours = await answered(engine, count, args.tokens)
            bare = await asyncio.to_thread(_bare, engine, count, args.tokens)
            plain = None
            if count == 1:
                plain = await asyncio.to_thread(_plain, engine, args.tokens)
            pairs.append((ours, bare, plain))
        rates[count] = statistics.median(ours.rate for ours, _, _ in pairs)
        beside = [ours.rate / plain.rate for ours, _, plain in pairs if plain is not None]
        table.add_row(
            str(count),
            f"{rates[count]:.1f}",
            f"{statistics.median(ours.cpu_rate for ours, _, _ in pairs):.1f}",
            _spread([ours.cpu_rate / bare.cpu_rate for ours, bare, _ in pairs]),
            f"plain generate's tok/s: {_spread(beside)}" if beside else "",
        )
    Console(width=140).print(table)
    return rates


def _bare(engine: TransformersEngine, count: int, tokens: int) -> Round:
    """transformers' manager by itself, greedy, on the very model that ours stands on."""
    import transformers

    batcher: Any = engine._batcher
    options = batcher._options
    manager = batcher._model.init_continuous_batching(
        generation_config=transformers.GenerationConfig(do_sample=False, eos_token_id=-1),
        continuous_batching_config=transformers.ContinuousBatchingConfig(
            page_size=options.page,
            num_blocks=batcher.cache_tokens // options.page,
            max_batch_tokens=options.batch_tokens,
            max_requests_per_batch=options.most_requests,
            use_cuda_graph=options.graphs,
        ),
    )
    manager.warmup()
    manager.start()
    try:
        began, cpu = time.perf_counter(), time.process_time()
        for number in range(count):
            ids = list(engine._vocabulary.encode(f"{PROMPT} {number}"))
            manager.add_request(ids, max_new_tokens=tokens)
        said = 0
        for _ in range(count):
            said += len(manager.get_result(timeout=600).generated_tokens)
        return checked(said, count * tokens, began, cpu)
    finally:
        manager.stop(block=True)


def _plain(engine: TransformersEngine, tokens: int) -> Round:
    import torch

    batcher: Any = engine._batcher
    model = engine._singles._models[0]
    ids = torch.tensor([engine._vocabulary.encode(f"{PROMPT} 0")], device=batcher._model.device)
    began, cpu = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        out = model.generate(ids, min_new_tokens=tokens, max_new_tokens=tokens, do_sample=False)
    return checked(out.shape[1] - ids.shape[1], tokens, began, cpu)


async def _after_cancel(engine: TransformersEngine) -> None:
    batcher: Any = engine._batcher
    room: Any = engine._room

    async def half(number: int) -> None:
        async with aclosing(engine.generate(asked(number, 400))) as chunks:
            async for chunk in chunks:
                if chunk.usage.completion_tokens >= 20:
                    return

    await asyncio.gather(*(half(number) for number in range(8)))
    began = time.perf_counter()
    while batcher.active or room.held_pages:  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(0.001)
    took = time.perf_counter() - began
    _say(f"8 streams cancelled half-way: everything free after {took * 1000:.0f} ms")


async def _after_many(engine: TransformersEngine, count: int) -> None:
    """Plain, sampled, seeded, penalized, stopped, with log probabilities, long, refused, and every
    fifth cancelled: in turns, eight at a time."""
    rng = random.Random(1)
    sampled: Sequence[Callable[[], dict[str, Any]]] = (
        dict,
        lambda: {"temperature": 0.8, "top_p": 0.9},
        lambda: {"temperature": 0.8, "seed": rng.randrange(9)},
        lambda: {"repetition_penalty": 1.2},
    )
    changed: Sequence[dict[str, Any]] = (
        {},
        {"stop": ("a",)},
        {"logprobs": 3},
        {"prompt": f"{PROMPT} " * 20},
        {"prompt": f"{PROMPT} " * 200},  # longer than the context: refused
    )
    gate = asyncio.Semaphore(8)

    async def one(number: int) -> None:
        async with gate:
            request = asked(number, rng.randrange(2, 24), **sampled[number % len(sampled)]())
            request = replace(request, **changed[number % len(changed)])
            async with aclosing(engine.generate(request)) as chunks:
                leaves = rng.randrange(5) == 0
                with suppress(InvalidRequest):
                    async for _ in chunks:
                        if leaves:
                            return

    await asyncio.gather(*(one(number) for number in range(count // 4)))
    before = _memory()
    await asyncio.gather(*(one(number) for number in range(count)))
    after = _memory()
    change = 100 * (after / before - 1)
    _say(
        f"{count} mixed requests: {before:.0f} MiB before, {after:.0f} MiB after ({change:+.1f} %)"
    )


def _memory() -> float:
    """MiB that this process holds now; on an accelerator, what PyTorch holds there."""
    import torch

    if torch.cuda.is_available():
        return float(torch.cuda.memory_allocated() / 2**20)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def _title(engine: TransformersEngine, args: argparse.Namespace) -> str:
    import torch

    import transformers

    model: Any = engine._singles._models[0]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    parts = [
        f"fastchat {__version__}",
        f"transformers {transformers.__version__}",
        f"torch {torch.__version__}",
        device,
        f"{args.threads} threads",
        f"{model.num_parameters() / 1e9:.2f} B parameters",
        f"{model.dtype}, {model.config._attn_implementation}",
        f"{args.tokens} tokens a stream, {args.rounds} rounds",
    ]
    return ", ".join(parts)


def _spread(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})"


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
