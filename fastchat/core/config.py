"""A frozen dataclass per process: its fields are the flags, its docstring the help, its defaults
the only defaults. This is the one module that reads the environment.
"""

import argparse
import dataclasses
import difflib
import inspect
import json
import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

from fastchat.core.errors import ConfigError
from fastchat.core.values import Bounds, number

C = TypeVar("C")

_META = "fastchat.flag"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Flag:
    help: str
    names: tuple[str, ...]
    env: str | None
    choices: Callable[[], Sequence[str]] | None
    parse: Callable[[str], Any] | None
    metavar: str | None
    positional: bool
    secret: bool
    rest: bool
    repeated: bool
    bounds: Bounds


def flag(
    default: Any = dataclasses.MISSING,
    *,
    help: str,
    names: Sequence[str] = (),
    env: str | None = None,
    choices: Callable[[], Sequence[str]] | None = None,
    parse: Callable[[str], Any] | None = None,
    metavar: str | None = None,
    positional: bool = False,
    secret: bool = False,
    rest: bool = False,
    repeated: bool = False,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
) -> Any:
    """A dataclass field that is also a command-line flag. `rest`: it takes all words that are no
    flag of ours, and ours must be written in full. A `repeated` one adds a word each time.

    The flag is spelled like the field; `names` are further spellings. `env` names the variable that
    replaces the default. `choices` is called when the parser is built, so a table can grow until
    then. `parse` turns one word into a value (and raises ValueError with a reason). A `positional`
    one has no spelling: it is the word that belongs to no flag. A `secret` is never shown. A number
    is checked against the bounds that are given here.
    """
    meta = _Flag(
        help=help,
        names=tuple(names),
        env=env,
        choices=choices,
        parse=parse,
        metavar=metavar,
        positional=positional,
        secret=secret,
        rest=rest,
        repeated=repeated,
        bounds=Bounds(at_least=at_least, above=above, at_most=at_most),
    )
    return dataclasses.field(default=default, metadata={_META: meta})


def parser(
    config: type[C], *, prog: str | None = None, environ: Mapping[str, str] = os.environ
) -> argparse.ArgumentParser:
    """The command line of a process. A fault in the environment raises `ConfigError`."""
    built = _Parser(
        prog=prog,
        description=inspect.cleandoc(config.__doc__ or ""),
        formatter_class=_HelpFormatter,
        allow_abbrev=_rest(config) is None,
    )
    hints = typing.get_type_hints(config)
    # What a process has in common with others comes last in its help.
    own = vars(config).get("__annotations__", {})
    fields = dataclasses.fields(config)  # type: ignore[arg-type]  # C is a dataclass type
    for field in sorted(fields, key=lambda field: field.name not in own):
        meta = field.metadata.get(_META)
        if meta is not None and not meta.rest:
            _add(built, field, meta, hints[field.name], environ)
    return built


def parse(
    config: type[C],
    argv: Sequence[str] | None = None,
    *,
    prog: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> C:
    """Build the configuration from the command line; a bad one ends the process with status 2.

    A fault in the environment raises `ConfigError`.
    """
    built = parser(config, prog=prog, environ=environ)
    try:
        return _read(config, built, argv)
    except ConfigError as error:
        # The reason is what matters: all the flags before it would hide it.
        built.exit(2, f"error: {error}\n`{built.prog} --help` lists the flags.\n")


def read(config: type[C], argv: Sequence[str], *, environ: Mapping[str, str] = os.environ) -> C:
    """As `parse`, for the command line of another process. Raises `ConfigError`."""
    return _read(config, parser(config, environ=environ), argv)


def _read(config: type[C], built: argparse.ArgumentParser, argv: Sequence[str] | None) -> C:
    values, unknown = built.parse_known_args(argv)
    rest = _rest(config)
    if unknown and (rest is None or not unknown[0].startswith("-")):
        raise ConfigError(_unrecognized(unknown, built))
    others = {} if rest is None else {rest: tuple(unknown)}
    try:
        return config(**vars(values), **others)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _rest(config: type) -> str | None:
    """The field for the words that are no flag of ours."""
    metas = {field.name: field.metadata.get(_META) for field in dataclasses.fields(config)}
    return next((name for name, meta in metas.items() if meta is not None and meta.rest), None)


def is_config(value: object) -> bool:
    """Whether this is the configuration of a process: a dataclass of nothing but flags."""
    if not isinstance(value, type) or not dataclasses.is_dataclass(value):
        return False
    return all(_META in field.metadata for field in dataclasses.fields(value))


def shown(config: object) -> str:
    """The configuration as the first line of a log shows it, without secrets."""
    pairs = []
    for field in dataclasses.fields(config):  # type: ignore[arg-type]  # a dataclass instance
        value = getattr(config, field.name)
        meta = field.metadata.get(_META)
        hidden = meta is not None and meta.secret and value
        pairs.append(f"{field.name}={'***' if hidden else repr(value)}")
    return f"Namespace({', '.join(pairs)})"


def exposed_secrets(config: type, argv: Sequence[str]) -> list[str]:
    """The secret flags that were given on the command line, where other users can read them."""
    spelled = {
        name
        for field in dataclasses.fields(config)
        if (meta := field.metadata.get(_META)) is not None and meta.secret
        for name in ("--" + field.name.replace("_", "-"), *meta.names)
    }
    return [name for name in (arg.partition("=")[0] for arg in argv) if name in spelled]


def variables(config: type, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of the environment that are set and stand for flags; secrets are hidden."""
    metas = [field.metadata.get(_META) for field in dataclasses.fields(config)]
    return {
        meta.env: "***" if meta.secret else environ[meta.env]
        for meta in metas
        if meta is not None and meta.env is not None and environ.get(meta.env)
    }


def supervisor(environ: Mapping[str, str] = os.environ) -> int | None:
    """The process that started this one and will restart it, if there is one."""
    pid = environ.get("FASTCHAT_SUPERVISED", "")
    return int(pid) if pid.isdecimal() else None


def ssl_files(environ: Mapping[str, str] = os.environ) -> tuple[Path | None, Path | None]:
    """Certificate and key, under the names of 0.2.36."""
    named = (environ.get("SSL_CERTFILE"), environ.get("SSL_KEYFILE"))
    certfile, keyfile = (Path(name) if name else None for name in named)
    return certfile, keyfile


def visible_gpus(environ: Mapping[str, str] = os.environ) -> tuple[str, ...] | None:
    """The cards that this process may use, by number or id; None for all of them."""
    named = environ.get("CUDA_VISIBLE_DEVICES")
    return None if named is None else words(named)


def notify_socket(environ: Mapping[str, str] = os.environ) -> str | None:
    """Where systemd wants to hear from its service."""
    return environ.get("NOTIFY_SOCKET")


def hand_over(pid: int) -> None:
    """A process of our own stands between the supervisor and what runs here."""
    if supervisor() is not None:
        os.environ["FASTCHAT_SUPERVISED"] = str(pid)


def environment() -> dict[str, str]:
    """A copy of the environment, to be changed and handed to child processes."""
    return dict(os.environ)


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where fetched weights are kept: $FASTCHAT_CACHE, or fastchat under $XDG_CACHE_HOME."""
    if chosen := environ.get("FASTCHAT_CACHE"):
        return Path(chosen)
    base = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "fastchat"


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where logs and other traces of running go: $XDG_STATE_HOME/fastchat."""
    base = environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "fastchat"


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where what must last is kept: $FASTCHAT_DATA, or fastchat under $XDG_DATA_HOME."""
    if chosen := environ.get("FASTCHAT_DATA"):
        return Path(chosen)
    base = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "fastchat"


def folder_or_none(text: str) -> Path | None:
    """Empty means no folder."""
    return Path(text) if text else None


def words(text: str) -> tuple[str, ...]:
    """Words separated by commas, blanks or line ends."""
    return tuple(text.replace(",", " ").split())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


class _HelpFormatter(argparse.HelpFormatter):
    """Keeps the docstring's paragraphs, and the lines of those that are indented: examples."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=100)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """As Python 3.13 writes it, so that the help is the same under every version."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        metavar = self._get_default_metavar_for_optional(action)
        return f"{', '.join(action.option_strings)} {self._format_args(action, metavar)}"

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        return "\n\n".join(
            paragraph if paragraph.startswith("    ") else fill(paragraph, width, indent)
            for paragraph in text.split("\n\n")
        )


class _Words(argparse.Action):
    """`--flag a b c` and `--flag a,b,c` mean the same."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, tuple(word for value in values for word in words(value)))


class _Repeated(argparse.Action):
    """`--flag a --flag b` are two words."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, (*(() if before is self.default else before), values))


class _Whole(argparse.Action):
    """Positional words stay as they are: a file name may hold blanks."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, tuple(values))


def _add(
    built: argparse.ArgumentParser,
    field: "dataclasses.Field[Any]",
    meta: _Flag,
    hint: Any,
    environ: Mapping[str, str],
) -> None:
    spelled = "--" + field.name.replace("_", "-")
    default, required = _default(field, meta, hint, environ)
    options: dict[str, Any] = {
        "dest": field.name,
        "default": default,
        "help": _help(meta, field.default),
    }
    if _is_bool(hint):
        options["action"] = "store_true"
    else:
        options["required"] = required
        options["metavar"] = meta.metavar
        if meta.choices is not None:
            options["choices"] = sorted(meta.choices())
            options["metavar"] = meta.metavar or "{" + ",".join(options["choices"]) + "}"
        if meta.repeated:
            options |= {"action": _Repeated, "metavar": meta.metavar or "WORD"}
        elif _is_words(hint) and meta.parse is None:
            options |= {"nargs": "+", "action": _Words, "metavar": meta.metavar or "WORD"}
        else:
            options["type"] = _reasoned(meta.parse or _scalar(hint, meta.bounds))
            options["metavar"] = options["metavar"] or field.name.rsplit("_", 1)[-1].upper()
    if meta.positional:
        del options["dest"]
        required = options.pop("required")
        if _is_words(hint):
            options |= {"nargs": "+" if required else "*", "action": _Whole}
        elif not required:
            options["nargs"] = "?"
        built.add_argument(field.name, **options)
    else:
        built.add_argument(spelled, *meta.names, **options)


def _default(
    field: "dataclasses.Field[Any]", meta: _Flag, hint: Any, environ: Mapping[str, str]
) -> tuple[Any, bool]:
    text = environ.get(meta.env) if meta.env is not None else None
    if text or (text is not None and meta.parse is not None):
        return _from_environment(meta, hint, text), False
    missing = field.default is dataclasses.MISSING
    return (None if missing else field.default), missing


def _from_environment(meta: _Flag, hint: Any, text: str) -> Any:
    try:
        if _is_words(hint) and meta.parse is None:
            return words(text)
        if _is_bool(hint):
            return text.lower() not in ("0", "false", "no", "off")
        value = (meta.parse or _scalar(hint, meta.bounds))(text)
    except ValueError as error:
        raise ConfigError(f"the environment variable {meta.env}: {error}") from None
    if meta.choices is not None and value not in meta.choices():
        names = ", ".join(sorted(meta.choices()))
        raise ConfigError(f"the environment variable {meta.env}: choose from {names}")
    return value


def _help(meta: _Flag, default: Any) -> str:
    notes = []
    if default is not None and default is not False and default not in ((), dataclasses.MISSING):
        shown_default = json.dumps(default) if isinstance(default, tuple) else default
        notes.append(f"default: {shown_default}")
    if meta.env is not None:
        notes.append(f"environment: {meta.env}")
    text = meta.help + (f" ({'; '.join(notes)})" if notes else "")
    return text.replace("%", "%%")


def _unrecognized(words: Sequence[str], built: argparse.ArgumentParser) -> str:
    text = f"unrecognized arguments: {' '.join(words)}"
    spellings = [name for action in built._actions for name in action.option_strings]
    close = difflib.get_close_matches(words[0].partition("=")[0], spellings, n=1)
    return f"{text} (did you mean {close[0]}?)" if close else text


def _reasoned(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """argparse drops the reason of a ValueError."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


def _scalar(hint: Any, bounds: Bounds) -> Callable[[str], Any]:
    kinds = (hint, *typing.get_args(hint))
    for kind in (int, float):
        if kind in kinds:
            return number(kind, bounds)
    return Path if Path in kinds else str


def _is_bool(hint: Any) -> bool:
    return hint is bool


def _is_words(hint: Any) -> bool:
    candidates = (hint, *typing.get_args(hint)) if _is_union(hint) else (hint,)
    return any(typing.get_origin(candidate) is tuple for candidate in candidates)


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType, Literal)
