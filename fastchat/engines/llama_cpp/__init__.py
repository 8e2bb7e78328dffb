"""llama.cpp in this process, by the `xllamacpp` wheel: GGUF files on the CPU or a GPU."""

from fastchat.engines.llama_cpp.loading import Options, create

__all__ = ["Options", "create"]
