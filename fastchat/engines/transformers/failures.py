"""What is told when a model failed, and the memory that comes back."""

import gc

from fastchat.core.errors import EngineFailed, OutOfMemory, PlatformError

# PyTorch's words on GPUs, and on CPUs.
_WORDS = ("out of memory", "can't allocate memory")


def is_want_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in _WORDS)


def error_of(error: BaseException) -> PlatformError:
    if is_want_of_memory(error):
        where = "CUDA out" if "cuda" in str(error).lower() else "Out"
        return OutOfMemory(
            f"{where} of memory. Ask for fewer tokens, or give the worker a smaller cache "
            "(--cache-tokens), fewer requests at once (--limit-worker-concurrency) or --load-8bit."
        )
    return EngineFailed(f"The model failed: {error}")


def free_memory() -> None:
    import torch

    gc.collect()
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()
