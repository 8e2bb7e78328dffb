"""From the flags to judgments in a file and a summary on the terminal."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, TextIO

import aiohttp
from rich.console import Console
from rich.progress import Progress

from fastchat.arena.battle import Battle, Winner
from fastchat.client import OpenAIEngine
from fastchat.core.errors import ConfigError, PlatformError
from fastchat.providers.prices import price_of, read_prices
from fastchat.terminal.judge.bench import Bench
from fastchat.terminal.judge.config import JudgeCommand
from fastchat.terminal.judge.record import Record
from fastchat.terminal.judge.summary import summary
from fastchat.terminal.styles.text import visible

if TYPE_CHECKING:
    from sqlalchemy import Connection


async def judge(config: JudgeCommand, out: TextIO, err: TextIO) -> None:
    """Raises `ConfigError`: nothing can be judged, or some battles could not."""
    if config.model is None:
        raise ConfigError("--model: name the judge, one of the models of --api")
    price = price_of(read_prices(config.price_file), config.model)
    record = Record(config.output.expanduser(), config.model, config.mode)
    battles, votes = _battles(config, {one.battle for one in record.judgments})
    async with aiohttp.ClientSession() as session:
        bench = Bench(
            engine=OpenAIEngine(session, config.api, [config.model], token=config.key()),
            model=config.model,
            mode=config.mode,
            max_tokens=config.max_tokens,
            record=record,
        )
        with Progress(console=Console(file=err), transient=True) as progress:
            task = progress.add_task("judging", total=len(battles))
            await bench.judge(battles, config.parallel, lambda: progress.advance(task))
    for line in summary(record.judgments, votes, price):
        out.write(f"{visible(line)}\n")
    if bench.fault is not None:
        raise ConfigError(
            f"{bench.missed} battles could not be judged, the last one because: {bench.fault} "
            "The same command tries them again."
        )


def _battles(
    config: JudgeCommand, known: set[str]
) -> tuple[Sequence[Battle], Mapping[str, Winner]]:
    """Those that are not judged yet. Pictures cannot be shown: they are not stored."""
    from fastchat.storage import Database, battles, votes

    def read(connection: "Connection") -> tuple[Sequence[Battle], Mapping[str, Winner]]:
        winners = votes.winners(connection)
        wanted = (
            battles.find(connection, id)
            for id in battles.ids(connection)
            if id not in known and (id in winners or not config.voted)
        )
        shown = (one for one in wanted if one is not None and not one.has_image)
        return list(islice(shown, config.limit)), winners

    database = Database.open(config.database.text)
    try:
        return database.read_now(read)
    except PlatformError as error:
        raise ConfigError(error.message) from None
    finally:
        database.close()
