"""The command line of a process, made of the flags of its configuration."""

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

from fastchat.core.config.actions import Repeated, Whole, Words
from fastchat.core.config.flags import META, Flag, rest_of, words
from fastchat.core.errors import ConfigError
from fastchat.core.values import Bounds, number

C = TypeVar("C")


def parser(
    config: type[C], *, prog: str | None = None, environ: Mapping[str, str] = os.environ
) -> argparse.ArgumentParser:
    """The command line of a process. A fault in the environment raises `ConfigError`."""
    built = _Parser(
        prog=prog,
        description=inspect.cleandoc(config.__doc__ or ""),
        formatter_class=_HelpFormatter,
        allow_abbrev=rest_of(config) is None,
    )
    hints = typing.get_type_hints(config)
    # What a process has in common with others comes last in its help.
    own = vars(config).get("__annotations__", {})
    fields = dataclasses.fields(config)  # type: ignore[arg-type]  # C is a dataclass type
    for field in sorted(fields, key=lambda field: field.name not in own):
        meta = field.metadata.get(META)
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
    rest = rest_of(config)
    if unknown and (rest is None or not unknown[0].startswith("-")):
        raise ConfigError(_unrecognized(unknown, built))
    others = {} if rest is None else {rest: tuple(unknown)}
    try:
        return config(**vars(values), **others)
    except ValueError as error:
        raise ConfigError(str(error)) from error


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


def _add(
    built: argparse.ArgumentParser,
    field: "dataclasses.Field[Any]",
    meta: Flag,
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
            options |= {"action": Repeated, "metavar": meta.metavar or "WORD"}
        elif _is_words(hint) and meta.parse is None:
            options |= {"nargs": "+", "action": Words, "metavar": meta.metavar or "WORD"}
        else:
            options["type"] = _reasoned(meta.parse or _scalar(hint, meta.bounds))
            options["metavar"] = options["metavar"] or field.name.rsplit("_", 1)[-1].upper()
    if meta.positional:
        del options["dest"]
        required = options.pop("required")
        if _is_words(hint):
            options |= {"nargs": "+" if required else "*", "action": Whole}
        elif not required:
            options["nargs"] = "?"
        built.add_argument(field.name, **options)
    else:
        built.add_argument(spelled, *meta.names, **options)


def _default(
    field: "dataclasses.Field[Any]", meta: Flag, hint: Any, environ: Mapping[str, str]
) -> tuple[Any, bool]:
    text = environ.get(meta.env) if meta.env is not None else None
    if text or (text is not None and meta.parse is not None):
        return _from_environment(meta, hint, text), False
    missing = field.default is dataclasses.MISSING
    return (None if missing else field.default), missing


def _from_environment(meta: Flag, hint: Any, text: str) -> Any:
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


def _help(meta: Flag, default: Any) -> str:
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
