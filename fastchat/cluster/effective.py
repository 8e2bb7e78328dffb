"""The platform file as it takes effect: every key, its value, and where that comes from."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import Struct

from fastchat.cluster.plan import plan
from fastchat.cluster.platform import Platform
from fastchat.core.config import flag, read
from fastchat.core.errors import ConfigError

_SECRET = re.compile(r"key$|keys$|token$|secret|passw|credential", re.IGNORECASE)
_HIDDEN = "***"
_COMMENT_AT = 44

Table = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class EffectiveConfig:
    """Check a platform file and show it as it takes effect: every key, and where its value is from.

    The flags that it gives to the processes are checked as well. Secrets are hidden. Without a file
    it shows the platform that `fastchat up` starts by itself.

    Examples:

        fastchat config
        fastchat config platform.toml
    """

    platform: Path | None = flag(
        None, positional=True, metavar="platform.toml", help="file that describes the platform"
    )


def check_flags(platform: Platform, processes: Mapping[str, type]) -> None:
    """As each process will read them, from the fourth word on: `python -m module`. `processes`
    holds the flags of each entry point. Raises `ConfigError`."""
    for spec in plan(platform):
        try:
            read(processes[spec.entry_point], spec.argv[3:])
        except ConfigError as error:
            raise ConfigError(f"{spec.declared}, {spec.name}: {error}") from None


def effective(platform: Platform, file: Path | None, variables: Mapping[str, str]) -> str:
    """A platform file that means the same. `variables` of the environment are told as well."""
    written = {} if file is None else tomllib.loads(file.read_text(encoding="utf-8"))
    lines = list(_tables(platform, written, "default" if file is None else file.name))
    lines.append("# Processes")
    lines += [f"#   {spec.name} at {spec.address}" for spec in plan(platform)]
    if variables:
        lines += ["", "# From the environment"]
        lines += [f"#   {name} = {value}" for name, value in sorted(variables.items())]
    return "\n".join(lines) + "\n"


def _tables(platform: Platform, written: Table, origin: str) -> Iterator[str]:
    for name in platform.__struct_fields__:
        value = getattr(platform, name)
        if value is None:
            yield from (f"# [{name}] is not set", "")
        elif isinstance(value, Struct):
            yield f"[{name}]"
            yield from _keys(value, written.get(name, {}), origin)
        else:
            for one, table in zip(value, written.get(name) or [{}] * len(value), strict=True):
                yield f"[[{name}]]"
                yield from _keys(one, table, origin)


def _keys(spec: Struct, written: Table, origin: str) -> Iterator[str]:
    for name in spec.__struct_fields__:
        value = getattr(spec, name)
        if value is None:
            yield f"# {name} is not set"
            continue
        source = origin if name in written else "default"
        yield f"{f'{name} = {_toml(name, value)}':<{_COMMENT_AT}} # {source}"
    yield ""


def _toml(name: str, value: object) -> str:
    match value:
        case bool() | int() | float() | str():
            return json.dumps(value, ensure_ascii=False)
        case dict():
            pairs = (f"{json.dumps(key)} = {_toml('', _kept(key, v))}" for key, v in value.items())
            return f"{{ {', '.join(pairs)} }}" if value else "{}"
        case list() | tuple():
            items = _without_secrets(value) if name == "arguments" else value
            return f"[{', '.join(_toml('', item) for item in items)}]"
    raise TypeError(f"no TOML for {value!r}")


def _kept(key: str, value: str) -> str:
    return _HIDDEN if _SECRET.search(key) else value


def _without_secrets(arguments: Sequence[str]) -> Iterator[str]:
    """What follows a flag for a secret is hidden up to the next flag."""
    hidden = False
    for word in arguments:
        if word.startswith("--"):
            name, equals, _ = word.partition("=")
            hidden = _SECRET.search(name) is not None
            yield f"{name}={_HIDDEN}" if hidden and equals else word
        else:
            yield _HIDDEN if hidden else word
