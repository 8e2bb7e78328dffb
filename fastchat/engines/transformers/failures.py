"""What is told when a model failed, and the memory that comes back."""

import gc

from fastchat.core.errors import EngineFailed, OutOfMemory, PlatformError


def error_of(error: BaseException) -> PlatformError:
    if "out of memory" in str(error).lower():
        return OutOfMemory(
            "CUDA out of memory. Ask for fewer tokens, or give the worker a smaller cache "
            "(--cache-tokens), fewer requests at once (--limit-worker-concurrency) or --load-8bit."
        )
    return EngineFailed(f"The model failed: {error}")


def free_memory() -> None:
    import torch

    gc.collect()
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()
