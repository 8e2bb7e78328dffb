"""The flags of `fastchat judge`."""

from dataclasses import dataclass
from pathlib import Path

from fastchat.core.config import flag
from fastchat.core.database import DatabaseFlags
from fastchat.terminal.remote_chat import ApiFlags

MODES = ("pair", "single")


@dataclass(frozen=True, kw_only=True)
class JudgeCommand(DatabaseFlags, ApiFlags):
    """Let a model judge the battles of the arena, and say how far it agrees with the votes.

    pair asks which of two answers is better, both ways round: who wins in one place only has a tie.
    single asks for a grade from 1 to 10 of each. What was judged is a line of the output; the same
    command goes on where it was stopped. Any server of OpenAI's dialect can be the judge.

    Examples:

        fastchat judge --model gpt-4o --voted
        fastchat judge --model qwen --mode single --limit 100 --output grades.jsonl
        FASTCHAT_API_KEY=... fastchat judge --api https://api.openai.com --model gpt-4o
    """

    model: str | None = flag(
        None, help="the judge: one of the models of --api (required)", metavar="NAME"
    )
    mode: str = flag("pair", help="compare two answers, or grade each", choices=lambda: MODES)
    output: Path = flag(
        Path("judgments.jsonl"), help="where the judgments are added, one a line", metavar="FILE"
    )
    voted: bool = flag(False, help="only battles that somebody voted on")
    limit: int | None = flag(
        None, help="so many battles at most in this run, the oldest first", metavar="N", at_least=1
    )
    parallel: int = flag(4, help="requests at once", metavar="N", at_least=1)
    max_tokens: int = flag(1024, help="tokens of each judgment", metavar="N", at_least=16)
    price_file: Path | None = flag(
        None, help="prices of models, instead of the ones built in", metavar="FILE"
    )
