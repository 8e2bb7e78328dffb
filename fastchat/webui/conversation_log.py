"""The log of votes and chats: `YYYY-MM-DD-conv.json`, lines as 0.2.36 wrote them.

Scripts that read those files go on working. The worker renders the prompt, so the template named
is that of plain messages.
"""

import json
import logging
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5
from pathlib import Path

from fastchat.arena.battle import Battle, Vote, Winner
from fastchat.webui.session import Turn
from fastchat.webui.session import Vote as Thumb

logger = logging.getLogger("gradio_web_server")

TEMPLATE = "chatgpt"
ROLES = ("user", "assistant")
_PAIR: Mapping[Winner, str] = {
    "left": "leftvote",
    "right": "rightvote",
    "tie": "tievote",
    "both_bad": "bothbad_vote",
}


@dataclass(frozen=True, slots=True)
class ConversationLog:
    """`folder` None keeps nothing. `wall_clock` gives seconds since 1970."""

    folder: Path | None
    wall_clock: Callable[[], float]

    def vote(self, vote: Thumb, session: str, turns: Sequence[Turn], ip: str) -> None:
        line = {"tstamp": self._now(), "type": vote, "model": turns[-1].settings.model}
        self._write(line | {"state": _state(session, turns), "ip": ip})

    def chat(self, session: str, turns: Sequence[Turn], began: float, ip: str) -> None:
        """`began` is when the question was asked, on the wall clock."""
        settings = turns[-1].settings
        self._write(
            {
                "tstamp": self._now(),
                "type": "chat",
                "model": settings.model,
                "gen_params": {
                    "temperature": settings.temperature,
                    "top_p": settings.top_p,
                    "max_new_tokens": settings.max_tokens,
                },
                "start": round(began, 4),
                "finish": self._now(),
                "state": _state(session, turns),
                "ip": ip,
                "images": _marks(turns),
            }
        )

    def pair_vote(
        self, battle: Battle, vote: Vote, left: Sequence[Turn], right: Sequence[Turn]
    ) -> None:
        """The left conversation has the battle's id, by which a vote that is in the database as
        well is known again. Names are hidden in a blind one, as they were on the page."""
        names = [battle.left.model, battle.right.model]
        line: dict[str, object] = {"tstamp": round(vote.cast_s, 4), "type": _PAIR[vote.winner]}
        states = [_state(battle.id, left), _state(f"{battle.id[:-1]}r", right)]
        hidden = battle.kind == "battle"
        line |= {"models": ["", ""] if hidden else names, "states": states, "ip": vote.address}
        self._write(line)

    def _now(self) -> float:
        return round(self.wall_clock(), 4)

    def _write(self, line: dict[str, object]) -> None:
        if self.folder is None:
            return
        day = datetime.fromtimestamp(self.wall_clock())
        path = self.folder / f"{day:%Y-%m-%d}-conv.json"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            logger.error("%s cannot be written: %s", path, error)


def _marks(turns: Sequence[Turn]) -> list[str]:
    """By MD5, as 0.2.36 names its files of them. The pictures themselves are not logged."""
    urls = (url for turn in turns for url in turn.pictures)
    contents = (b64decode(url.partition(",")[2]) for url in urls)
    return [md5(content, usedforsecurity=False).hexdigest() for content in contents]


def _asked(turn: Turn) -> object:
    """A question with pictures is a pair there."""
    return [turn.question, _marks([turn])] if turn.pictures else turn.question


def _state(session: str, turns: Sequence[Turn]) -> dict[str, object]:
    user, assistant = ROLES
    messages = [pair for turn in turns for pair in ([user, _asked(turn)], [assistant, turn.answer])]
    return {
        "template_name": TEMPLATE,
        "system_message": turns[-1].settings.system,
        "roles": ROLES,
        "messages": messages,
        "offset": 0,
        "conv_id": session,
        "model_name": turns[-1].settings.model,
    }
