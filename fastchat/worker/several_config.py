"""The flags of workers that serve several models."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from fastchat.core.config import flag, words
from fastchat.model.weights import default_model_name
from fastchat.worker.config import ShellFlags, WorkerConfig


@dataclass(frozen=True, kw_only=True)
class MultiModelWorkerConfig(WorkerConfig):
    """Serve several models from one process, each under its names.

    --model-path is given once for each model, and --model-names, if at all, as often, in the same
    order; the other flags are for all of them. They share the worker's slots.

    Example:

        python3 -m fastchat.serve.multi_model_worker --model-path a.gguf --model-names a \\
            --model-path b.gguf --model-names b,gpt-4
    """

    model_path: tuple[str, ...] = flag(  # type: ignore[assignment]  # several, where others have one
        (), help="a model; once for each", repeated=True, metavar="PATH"
    )
    model_names: tuple[str, ...] = flag(
        (), help="its names, with commas; once for each model", repeated=True, metavar="A,B"
    )

    def __post_init__(self) -> None:
        if not self.model_path:
            raise ValueError("--model-path is wanted, once for each model")
        if self.model_names and len(self.model_names) != len(self.model_path):
            raise ValueError(
                f"--model-names was given {len(self.model_names)} times for "
                f"{len(self.model_path)} models: give it once for each, or not at all"
            )

    def each(self) -> Iterator[WorkerConfig]:
        """As a worker of one model has it."""
        common = {field.name: getattr(self, field.name) for field in fields(WorkerConfig)}
        for number, path in enumerate(self.model_path):
            named = words(self.model_names[number]) if self.model_names else ()
            names = named or (default_model_name(path),)
            yield WorkerConfig(**(common | {"model_path": path, "model_names": names}))


@dataclass(frozen=True, kw_only=True)
class HuggingfaceApiWorkerConfig(ShellFlags):
    """Put models of a Hugging Face endpoint behind a worker.

    The file is a JSON object with an entry for each model: `model_path` (what the endpoint calls
    it), `api_base`, `token`, `context_length`, and if wanted `model_names`. A `token` such as
    ${HF_TOKEN} is read from the environment. The endpoint speaks OpenAI's API, as Hugging Face's
    router and TGI do.

    Example:

        python3 -m fastchat.serve.huggingface_api_worker --model-info-file models.json
    """

    model_info_file: Path = flag(help="JSON file that lists the models", metavar="FILE")
    limit_worker_concurrency: int = flag(
        5, help="requests that run at once", metavar="N", at_least=1
    )
