"""What a flag is: a field of a frozen dataclass, whose docstring is the help of its process, and
whose defaults are the only defaults."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastchat.core.values import Bounds

META = "fastchat.flag"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flag:
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
    meta = Flag(
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
    return dataclasses.field(default=default, repr=not secret, metadata={META: meta})


def rest_of(config: type) -> str | None:
    """The field for the words that are no flag of ours."""
    metas = {field.name: field.metadata.get(META) for field in dataclasses.fields(config)}
    return next((name for name, meta in metas.items() if meta is not None and meta.rest), None)


def is_config(value: object) -> bool:
    """Whether this is the configuration of a process: a dataclass of nothing but flags."""
    if not isinstance(value, type) or not dataclasses.is_dataclass(value):
        return False
    return all(META in field.metadata for field in dataclasses.fields(value))


def shown(config: object) -> str:
    """The configuration as the first line of a log shows it, without secrets."""
    pairs = []
    for field in dataclasses.fields(config):  # type: ignore[arg-type]  # a dataclass instance
        value = getattr(config, field.name)
        meta = field.metadata.get(META)
        hidden = meta is not None and meta.secret and value
        pairs.append(f"{field.name}={'***' if hidden else repr(value)}")
    return f"Namespace({', '.join(pairs)})"


def exposed_secrets(config: type, argv: Sequence[str]) -> list[str]:
    """The secret flags that were given on the command line, where other users can read them."""
    spelled = {
        name
        for field in dataclasses.fields(config)
        if (meta := field.metadata.get(META)) is not None and meta.secret
        for name in ("--" + field.name.replace("_", "-"), *meta.names)
    }
    return [name for name in (arg.partition("=")[0] for arg in argv) if name in spelled]


def variables(config: type, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of the environment that are set and stand for flags; secrets are hidden."""
    metas = [field.metadata.get(META) for field in dataclasses.fields(config)]
    return {
        meta.env: "***" if meta.secret else environ[meta.env]
        for meta in metas
        if meta is not None and meta.env is not None and environ.get(meta.env)
    }


def folder_or_none(text: str) -> Path | None:
    """Empty means no folder."""
    return Path(text) if text else None


def words(text: str) -> tuple[str, ...]:
    """Words separated by commas, blanks or line ends."""
    return tuple(text.replace(",", " ").split())
