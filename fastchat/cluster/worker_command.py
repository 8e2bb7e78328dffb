"""The command line of one worker of a model: `model_worker`, or that of an engine which is a server
of its own. Pure."""

from collections.abc import Iterator

from fastchat.cluster.platform import ModelSpec


def entry_point(model: ModelSpec) -> str:
    return "model_worker" if model.served_by is None else f"{model.served_by.name}_worker"


def flags(model: ModelSpec, replica: int, address: str, port: int, controller: str) -> list[str]:
    """`address` is where others reach it. What was declared as `arguments` comes last, and wins."""
    own = _in_process(model) if model.served_by is None else _served(model, replica)
    return [*own, *_common(model, address, port, controller), *model.arguments]


def _in_process(model: ModelSpec) -> Iterator[str]:
    yield from ("--model-path", model.path, "--engine", model.engine)
    if model.threads is not None:
        yield from ("--threads", str(model.threads))


def _served(model: ModelSpec, replica: int) -> Iterator[str]:
    row = model.served_by
    assert row is not None
    if model.engine_url is not None:
        yield from ("--engine-url", model.engine_url, "--engine-model", model.path)
        return
    yield from ("--model-path", model.path)
    if model.engine_python is not None:
        yield from ("--engine-python", model.engine_python)
    cards = len(model.gpus[replica]) if model.gpus else 1
    if cards > 1 and row.flags.num_gpus is not None:
        yield from ("--num-gpus", str(cards))
    if model.threads is not None and row.flags.threads is not None:
        yield from (row.flags.threads, str(model.threads))


def _common(model: ModelSpec, address: str, port: int, controller: str) -> Iterator[str]:
    if model.names:  # else the worker's own default, which may hold blanks
        yield from ("--model-names", ",".join(model.names))
    yield from ("--controller-address", controller, "--worker-address", address)
    yield from ("--host", model.host, "--port", str(port))
    if model.concurrency is not None:
        yield from ("--limit-worker-concurrency", str(model.concurrency))
    if model.conv_template is not None:
        yield from ("--conv-template", model.conv_template)
