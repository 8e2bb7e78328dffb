"""Tokens a second on an accelerator, by kind of weights, attention and streams, as Markdown.

    python -m benchmarks.transformers.accelerator --model random-7b

Weights are random, in Llama's shape: speed does not know the difference. The first row is what one
gets without batching: plain `generate`, a request at a time. Each figure is the median of rounds
after one that is not counted, in which CUDA graphs are made.
"""

import argparse
import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.transformers.asking import PROMPT, answered
from benchmarks.transformers.models import folder_of
from fastchat import __version__
from fastchat.core.errors import PlatformError
from fastchat.engines.transformers import Options
from fastchat.engines.transformers.build import generating_engine as create
from fastchat.engines.transformers.engine import TransformersEngine

KINDS: Mapping[str, Mapping[str, Any]] = {
    "bf16": {"dtype": "bfloat16"},
    "fp16": {"dtype": "float16"},
    "bf16, sdpa": {"dtype": "bfloat16", "attn_implementation": "sdpa"},
    "bf16, sdpa, no graphs": {
        "dtype": "bfloat16",
        "attn_implementation": "sdpa",
        "cuda_graphs": "off",
    },
    "bf16, no graphs": {"dtype": "bfloat16", "cuda_graphs": "off"},
    "4-bit (nf4)": {"load_4bit": True},
    "8-bit": {"load_8bit": True},
    "8-bit, a part on the CPU": {
        "load_8bit": True,
        "cpu_offloading": True,
        "max_gpu_memory": "4GiB",
    },
    "bf16, two GPUs": {"dtype": "bfloat16", "num_gpus": 2},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="random-7b", help="random-1b, random-7b or a folder")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most-s", type=float, default=20.0, help="longest for one figure")
    args = parser.parse_args()
    _say(_title(args))
    _say("| kind | attention, graphs | GPU MiB | ready s | " + _cells(args.streams))
    _say("|---|---|---|---|" + "---|" * len(args.streams))
    with folder_of(args.model) as folder:
        _say(_plain_row(folder, args))
        for kind in args.kinds:
            _say(asyncio.run(_row(kind, folder, args)))
            _forget()


async def _row(kind: str, folder: Path, args: argparse.Namespace) -> str:
    import torch

    try:
        began = time.perf_counter()
        engine = create(
            Options(
                model=folder,
                names=("m",),
                slots=max(args.streams),
                context_length=1024,
                cache_tokens=max(args.streams) * 512,
                **KINDS[kind],
            )
        )
    except (PlatformError, RuntimeError) as error:
        return f"| {kind} | not run: {error} |"
    ready, held = time.perf_counter() - began, torch.cuda.memory_allocated() / 2**20
    try:
        rates = [await _rate(engine, count, args) for count in args.streams]
    except (PlatformError, RuntimeError) as error:
        return f"| {kind} | {_way(engine)} | failed: {error} |"
    finally:
        await engine.aclose()
    return f"| {kind} | {_way(engine)} | {held:.0f} | {ready:.1f} | {_cells(rates)}"


async def _rate(engine: TransformersEngine, count: int, args: argparse.Namespace) -> str:
    """Fewer tokens, or one stream only, where a figure would take too long."""
    trial = await answered(engine, count, 4)
    tokens = min(args.tokens, int(args.most_s / (args.rounds + 1) * trial.rate / count))
    if tokens < 4:
        return f"{trial.rate:.1f} (4 tokens)"
    rounds = [await answered(engine, count, tokens) for _ in range(args.rounds + 1)][1:]
    return f"{statistics.median(done.rate for done in rounds):.1f}"


def _way(engine: TransformersEngine) -> str:
    batcher: Any = engine._batcher
    if batcher is None:
        return "one by one"
    graphs = batcher._options.graphs
    return f"{batcher.attention}, {'graphs' if graphs else 'none'}"


def _plain_row(folder: Path, args: argparse.Namespace) -> str:
    import torch

    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, device_map={"": "cuda"}
    ).eval()
    held = torch.cuda.memory_allocated() / 2**20
    ids = tokenizer(PROMPT, return_tensors="pt").input_ids.to("cuda")
    rates = []
    for tokens in (8, *[args.tokens] * args.rounds):
        began = time.perf_counter()
        with torch.inference_mode():
            model.generate(ids, min_new_tokens=tokens, max_new_tokens=tokens, do_sample=False)
        torch.cuda.synchronize()
        rates.append(tokens / (time.perf_counter() - began))
    attention = model.config._attn_implementation
    rate = statistics.median(rates[1:])
    del model
    _forget()
    same = _cells([f"{rate:.1f}"] * len(args.streams))
    return (
        f"| plain `generate`, bf16, one after another | {attention}, none | {held:.0f} | | {same}"
    )


def _title(args: argparse.Namespace) -> str:
    import torch

    import transformers

    parts = [
        args.model,
        f"fastchat {__version__}",
        f"transformers {transformers.__version__}",
        f"torch {torch.__version__}",
        torch.cuda.get_device_name(),
        f"{args.tokens} tokens a stream",
        f"median of {args.rounds} rounds",
        f"{time.strftime('%Y-%m-%d')}",
    ]
    return ", ".join(parts)


def _cells(values: list[Any]) -> str:
    return "".join(f"{value} | " for value in values).rstrip()


def _forget() -> None:
    import torch

    gc.collect()
    torch.cuda.empty_cache()


def _say(line: str) -> None:
    print(line, flush=True)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
