"""The command line and the environment of a child. Pure."""

import difflib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastchat.core.errors import ConfigError
from fastchat.engines.served.options import Options
from fastchat.engines.served.row import Row

HOST = "127.0.0.1"

# Of our environment these are not the engine's: our secrets, and what belongs to our interpreter.
_OURS = "FASTCHAT_"
_INTERPRETERS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    argv: tuple[str, ...]
    environment: Mapping[str, str]

    def __str__(self) -> str:
        return " ".join(self.argv)


def command(options: Options, port: int, key: str) -> Command:
    """Raises `ConfigError` for arguments that it must not be given."""
    row = options.row
    given = [_renamed(row, word) for word in options.arguments]
    _check(row, given)
    argv = (str(interpreter(options.python)), *row.program, *_ours(options, port), *given)
    environment = {
        name: value
        for name, value in options.environment.items()
        if not name.startswith(_OURS) and (options.python is None or name not in _INTERPRETERS)
    }
    environment |= row.environment
    if row.key_variable is not None:
        environment[row.key_variable] = key
    return Command(argv=argv, environment=environment)


def interpreter(python: Path | None) -> Path:
    """An environment's folder stands for its interpreter. Raises `ConfigError`."""
    if python is None:
        return Path(sys.executable)
    found = python.expanduser()
    if found.is_dir():
        found = found / "bin" / "python"
    if not found.is_file():
        raise ConfigError(f"--engine-python {python}: there is no interpreter at {found}")
    return found.absolute()


def slots(options: Options) -> int:
    """How many requests it takes at once: as it was told, or by itself."""
    if options.slots is not None:
        return options.slots
    told = _value(options.arguments, options.row.flags.slots)
    return int(told) if told is not None and told.isdecimal() else options.row.slots


def _ours(options: Options, port: int) -> Iterator[str]:
    row, flags = options.row, options.row.flags
    model = str(options.model)
    yield from (model,) if flags.model is None else (flags.model, model)
    yield from (flags.host, HOST, flags.port, str(port))
    if flags.names is not None:
        yield from (flags.names, *(options.names if row.takes_several_names else options.names[:1]))
    if options.num_gpus != 1:
        yield from (_known(row, flags.num_gpus, "--num-gpus"), str(options.num_gpus))
    if options.trust_remote_code:
        yield _known(row, flags.trust_remote_code, "--trust-remote-code")
    if options.context_length is not None:
        yield _known(row, flags.context_length, "--context-length")
        yield str(options.context_length)
        if flags.prompt_length is not None:  # of one token less: an answer has one at least
            yield from (flags.prompt_length, str(options.context_length - 1))
    yield from row.always


def _known(row: Row, theirs: str | None, ours: str) -> str:
    if theirs is None:
        raise ConfigError(f"{ours} has no meaning for {row.title}: leave it out")
    return theirs


def _check(row: Row, given: Sequence[str]) -> None:
    """What the worker decides must not be decided twice."""
    ours = {
        row.flags.host: "the worker alone talks to the engine; its own address is --host",
        row.flags.port: "the engine gets a free port; the worker's is --port",
        row.flags.model: "say --model-path",
        "--model": "say --model-path",  # as some call it too
        row.flags.names: "say --model-names",
        "--api-key": "the worker makes a key and tells nobody",
        "--api-keys": "the worker makes a key and tells nobody",
    }
    for word in given:
        name = word.partition("=")[0]
        spelled = name.replace("_", "-") if name.startswith("--") else name
        for theirs, remedy in ours.items():
            if theirs is not None and spelled == theirs.replace("_", "-"):
                raise ConfigError(f"{name} is not for the engine: {remedy}")
        close = difflib.get_close_matches(spelled, _OUR_FLAGS, n=1, cutoff=0.9)
        if close and spelled not in _OUR_FLAGS:
            raise ConfigError(f"{name}: did you mean {close[0]}?")


# Those of the worker that are long enough to be mistyped; the engine would refuse them too late.
_OUR_FLAGS = (
    "--controller-address",
    "--worker-address",
    "--model-names",
    "--limit-worker-concurrency",
    "--limit-worker-queue",
    "--conv-template",
    "--no-register",
    "--engine-python",
    "--engine-url",
)


def _renamed(row: Row, word: str) -> str:
    name, equals, value = word.partition("=")
    return row.renamed.get(name, name) + equals + value


def _value(arguments: Sequence[str], flag: str | None) -> str | None:
    """The last word counts, as it does to the engine."""
    found = None
    for number, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if flag is not None and name.replace("_", "-") == flag.replace("_", "-"):
            found = value if equals else next(iter(arguments[number + 1 : number + 2]), None)
    return found
