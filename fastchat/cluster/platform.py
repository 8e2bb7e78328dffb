"""What a platform file declares: controller, API server, page and models, each with defaults.

Processes are not declared but derived (`plan.py`), so the same file can place them elsewhere.
"""

import re
import tomllib
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fastchat.core.errors import ConfigError
from fastchat.dispatch.policies import DEFAULT_POLICY, POLICIES
from fastchat.engines import WITHOUT_WEIGHTS
from fastchat.engines.served import ROWS, Row
from fastchat.model.weights import BUILT_IN, DEFAULT_MODEL, default_model_name

FIRST_WORKER_PORT = 31000

Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Text = Annotated[str, Meta(min_length=1)]
ModelName = Annotated[str, Meta(pattern=r"^[^\s,]+$")]
Seconds = Annotated[float, Meta(gt=0)]

# A CUDA device by number, or by its UUID.
Device = Annotated[int, Meta(ge=0)] | Text


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file: what is not a field of it is a mistake."""


class ControllerSpec(_Table, kw_only=True, frozen=True):
    host: Text = "127.0.0.1"
    port: Port = 21001
    dispatch_method: str = DEFAULT_POLICY
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.dispatch_method not in POLICIES:
            raise ValueError(
                f"unknown dispatch_method {self.dispatch_method!r}: "
                f"choose from {', '.join(sorted(POLICIES))}"
            )


class ApiSpec(_Table, kw_only=True, frozen=True):
    host: Text = "127.0.0.1"
    port: Port = 8000
    api_keys_file: Text | None = None
    log_requests: bool = True
    arguments: tuple[str, ...] = ()


class PageSpec(_Table, kw_only=True, frozen=True):
    """`arena`: with all tabs, those of battles and votes as well."""

    enabled: bool = True
    arena: bool = False
    host: Text = "127.0.0.1"
    port: Port = 7860
    arguments: tuple[str, ...] = ()


class ModelSpec(_Table, kw_only=True, frozen=True):
    """One model with its workers. `gpus` holds a list of devices for each replica.

    `engine` is one of `fastchat.engines`, which runs in the worker, or one of `engines.served`: a
    server of its own, started with `engine_python`, or running at `engine_url` already, where
    `path` is what it calls the model.
    """

    path: Text = DEFAULT_MODEL  # an empty one would be the current folder
    names: tuple[ModelName, ...] = ()
    engine: Text = "auto"
    engine_python: Text | None = None
    engine_url: Text | None = None
    replicas: Count = 1
    host: Text = "127.0.0.1"
    port: Port | None = None
    gpus: tuple[tuple[Device, ...], ...] = ()
    concurrency: Count | None = None
    threads: Count | None = None
    conv_template: Text | None = None
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.path.strip():
            raise ValueError("the path of a model is empty: name a file, a folder or a model")
        if self.gpus and len(self.gpus) != self.replicas:
            raise ValueError(
                f"gpus has {len(self.gpus)} lists for {self.replicas} replicas: "
                "give one list of devices for each replica"
            )
        if self.served_by is not None:
            _check_served(self, self.served_by)
        elif self.engine_python is not None or self.engine_url is not None:
            raise ValueError(
                f"engine_python and engine_url are for engines that are servers of their own "
                f"({', '.join(sorted(ROWS))}), and engine is {self.engine!r}"
            )

    @property
    def served_by(self) -> Row | None:
        """What is to be known of an engine that is a server of its own."""
        return ROWS.get(self.engine)

    @property
    def has_weights(self) -> bool:
        """Whether they are looked for here, and not by an engine's server."""
        if self.served_by is not None:
            return self.served_by.reads_gguf and self.engine_url is None
        return self.engine not in WITHOUT_WEIGHTS

    @property
    def served_names(self) -> tuple[str, ...]:
        return self.names or (default_model_name(self.path),)


class SupervisorSpec(_Table, kw_only=True, frozen=True):
    """`silent_s` without an answer and a process is replaced; `grace_s` to finish at the end."""

    logdir: Text | None = None
    silent_s: Seconds = 60.0
    grace_s: Seconds = 15.0


class Platform(_Table, kw_only=True, frozen=True):
    controller: ControllerSpec = ControllerSpec()
    api: ApiSpec = ApiSpec()
    page: PageSpec = PageSpec()
    models: Annotated[tuple[ModelSpec, ...], Meta(min_length=1)] = (ModelSpec(),)
    supervisor: SupervisorSpec = SupervisorSpec()

    def __post_init__(self) -> None:
        _check_names(self.models)
        self.worker_ports()

    def worker_ports(self) -> tuple[tuple[int, ...], ...]:
        """The ports of each model's workers: from its own port on, or the next free numbers."""
        taken = self._declared_ports()
        free = (port for port in count(FIRST_WORKER_PORT) if port not in taken)
        return tuple(tuple(_next_ports(model.port, free, model.replicas)) for model in self.models)

    def _declared_ports(self) -> dict[int, str]:
        taken = {self.controller.port: "[controller]"}
        _claim(taken, self.api.port, "[api]")
        if self.page.enabled:
            _claim(taken, self.page.port, "[page]")
        for number, model in enumerate(self.models, start=1):
            if model.port is not None:
                for port in range(model.port, model.port + model.replicas):
                    _claim(taken, port, f"[[models]] number {number}")
        return taken


def load(path: Path) -> Platform:
    """Raises `ConfigError` naming the file, the table, the key and the remedy."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the platform file {path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from None
    try:
        return msgspec.convert(tables, Platform)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}{_explain(str(error))}") from None


def _check_served(model: ModelSpec, row: Row) -> None:
    if model.path.lower() in BUILT_IN and not model.has_weights:
        whose = "its server calls the model" if model.engine_url else "it is to load"
        raise ValueError(f"the engine {row.name} knows no built-in model: say in path what {whose}")
    if model.engine_url is None and not row.program:
        raise ValueError(f"the engine {row.name} is not started from here: give its engine_url")
    if model.engine_url is not None and model.engine_python is not None:
        raise ValueError("engine_python starts an engine, and engine_url names one that runs")
    if model.threads is not None and (row.flags.threads is None or model.engine_url is not None):
        raise ValueError(
            f"threads has no meaning for the engine {row.name}: say it in its own words, in "
            "arguments or environment"
        )


def _check_names(models: tuple[ModelSpec, ...]) -> None:
    paths: dict[str, str] = {}
    for model in models:
        for name in model.served_names:
            if paths.setdefault(name, model.path) != model.path:
                raise ValueError(
                    f"the model name {name!r} stands for {paths[name]!r} and for {model.path!r}: "
                    "give one of them other `names` in a platform file"
                )


def _next_ports(first: int | None, free: Iterator[int], replicas: int) -> Iterator[int]:
    if first is not None:
        return iter(range(first, first + replicas))
    return (next(free) for _ in range(replicas))


def _claim(taken: dict[int, str], port: int, table: str) -> None:
    if port > 65535:
        raise ValueError(f"{table} has more replicas than ports up to 65535: lower its `port`")
    if port in taken:
        raise ValueError(
            f"{taken[port]} and {table} both want the port {port}: change the `port` of one "
            "(a model takes one for each replica, counting up)"
        )
    taken[port] = table


_PLACE = re.compile(r"\$\.?(?:(controller|api|page|models|supervisor)\b)?(?:\[(\d+)\])?\.?(.*)")
_KEYS: dict[str | None, type[Struct]] = {
    None: Platform,
    "controller": ControllerSpec,
    "api": ApiSpec,
    "page": PageSpec,
    "models": ModelSpec,
    "supervisor": SupervisorSpec,
}


def _explain(fault: str) -> str:
    """`Expected … - at `$.models[0].port`` in the words of the file."""
    reason, _, path = fault.partition(" - at `")
    place = _PLACE.fullmatch(path.rstrip("`") or "$")
    assert place is not None  # the pattern ends in .*
    table, index, key = place.groups()
    words = ""
    if table is not None:
        words += f", [[models]] number {int(index) + 1}" if index else f", [{table}]"
    if key:
        words += f", key {key}"
    if "unknown field" in reason:
        known = ", ".join(_KEYS[table].__struct_fields__)
        reason = f"unknown key {reason.split()[-1]}: the keys there are {known}"
    for theirs, ours in (
        ("`object`", "a table"),
        ("`array`", "a list"),
        (" | null", ""),
        ("`", ""),
    ):
        reason = reason.replace(theirs, ours)
    return f"{words}: {reason[0].lower()}{reason[1:]}"
