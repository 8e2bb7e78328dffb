"""`fastchat keys`: who may use the API server, and how much."""

import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from fastchat.core.api_keys import PREFIX, digest_of
from fastchat.core.config import flag
from fastchat.core.database import DatabaseFlags
from fastchat.core.errors import ConfigError, PlatformError
from fastchat.terminal.say import say

if TYPE_CHECKING:
    from fastchat.storage import Database
    from fastchat.storage.keys import StoredKey
    from fastchat.storage.usage import Used

ACTIONS = ("add", "list", "revoke")
HEADINGS = ("ID", "NAME", "STATE", "MODELS", "RATE", "TOKENS", "REQUESTS", "SPENT")
DAY_S = 86_400


@dataclass(frozen=True, kw_only=True)
class KeysConfig(DatabaseFlags):
    """Add, list and revoke keys of the API server.

    API servers that use this database know of a change within seconds. As soon as it holds a key,
    they let nobody in without one; a server that was started before there was a database has to be
    started again. A key is shown once, when it is made: the database keeps its hash only.

    Examples:

        fastchat keys add ada
        fastchat keys add students --models vicuna-7b-v1.5 --requests-per-s 2 --burst 10
        fastchat keys add trial --token-budget 100000 --expires-in-days 7
        fastchat keys list
        fastchat keys revoke trial
    """

    action: str = flag("list", positional=True, help="what to do", choices=lambda: ACTIONS)
    name: str = flag("", positional=True, help="name of the key; to revoke it also its id")
    models: tuple[str, ...] = flag((), help="the only models it may use", metavar="MODEL")
    requests_per_s: float | None = flag(
        None, help="requests a second (default: the server's --rate-limit)", metavar="N", above=0
    )
    burst: int | None = flag(
        None, help="requests that may come at once beyond that", metavar="N", at_least=0
    )
    token_budget: int | None = flag(
        None, help="tokens that it may use in all, prompts and answers", metavar="N", at_least=1
    )
    expires_in_days: float | None = flag(None, help="days until it expires", above=0)


def run(
    config: KeysConfig,
    *,
    wall_clock: Callable[[], float] = time.time,
    random_hex: Callable[[int], str] = secrets.token_hex,
) -> None:
    """Raises `ConfigError`."""
    from fastchat.storage import Database  # SQLAlchemy is for those who need it

    if config.action == "list" and config.name:
        raise ConfigError("`keys list` takes no name")
    if config.action != "list" and not config.name:
        raise ConfigError(f"`keys {config.action}` needs a name: fastchat keys add NAME")
    if config.burst is not None and config.requests_per_s is None:
        raise ConfigError("--burst goes with --requests-per-s")
    database = Database.open(config.database.text)
    try:
        match config.action:
            case "add":
                _add(database, config, wall_clock(), PREFIX + random_hex(32), random_hex(6))
            case "revoke":
                _revoke(database, config.name, wall_clock())
            case _:
                _list(database, wall_clock())
    except PlatformError as error:
        raise ConfigError(error.message) from None
    finally:
        database.close()


def _add(database: "Database", config: KeysConfig, now: float, secret: str, id: str) -> None:
    from fastchat.storage import keys

    known = database.read_now(keys.every)
    if any(key.name == config.name and key.is_valid(now) for key in known):
        raise ConfigError(f"there is a key {config.name!r} already: revoke it, or name another")
    days = config.expires_in_days
    key = keys.StoredKey(
        id=id,
        name=config.name,
        digest=digest_of(secret.encode()).hex(),
        models=config.models or None,
        requests_per_s=config.requests_per_s,
        burst=config.burst,
        token_budget=config.token_budget,
        created_at=int(now),
        expires_at=None if days is None else int(now + days * DAY_S),
    )
    database.write(partial(keys.add, key=key))
    sys.stderr.write(f"The key {config.name!r} ({id}), which is not shown again:\n")
    say(secret)


def _revoke(database: "Database", name: str, now: float) -> None:
    from fastchat.storage import keys

    if not database.write(partial(keys.revoke, id_or_name=name, now=now)):
        raise ConfigError(f"no valid key has the name or the id {name!r}: see `fastchat keys list`")
    say(f"Revoked {name}. API servers refuse it within seconds.")


def _list(database: "Database", now: float) -> None:
    from fastchat.storage import keys, usage

    stored = database.read_now(keys.every)
    used = database.read_now(partial(usage.since, hour=0))
    if not stored:
        say("No keys. `fastchat keys add NAME` makes one.")
        return
    rows = [list(_row(key, [one for one in used if one.key_id == key.id], now)) for key in stored]
    columns = list(zip(HEADINGS, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    for row in (HEADINGS, *rows):
        say("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(key: "StoredKey", used: Sequence["Used"], now: float) -> Iterator[str]:
    tokens = sum(one.tokens.total_tokens for one in used)
    yield key.id
    yield key.name
    yield _state(key, now)
    yield ", ".join(key.models or ["all"])
    yield "" if key.requests_per_s is None else f"{key.requests_per_s:g}/s, burst {key.burst or 0}"
    yield f"{tokens}" + ("" if key.token_budget is None else f" of {key.token_budget}")
    yield str(sum(one.requests for one in used))
    yield f"${sum(one.microdollars for one in used) / 1e6:.2f}"


def _state(key: "StoredKey", now: float) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "valid"
    day = datetime.fromtimestamp(key.expires_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"until {day}" if key.is_valid(now) else f"expired {day}"
