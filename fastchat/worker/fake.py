"""The flags of a worker that only plays its part."""

from dataclasses import dataclass

from fastchat.core.config import flag
from fastchat.engines.scripted import Options
from fastchat.worker.config import WorkerConfig


@dataclass(frozen=True, kw_only=True)
class FakeWorkerConfig(WorkerConfig):
    """Rehearse without a model: a real worker whose engine is scripted, paced and faulty on demand.

    Faults: cut (the connection ends in the middle), stall (nothing more comes), die (the process
    kills itself), malformed (bytes that are no event), http500, oom (code 50002), slow (a long time
    before the first token). NAME@5 strikes before token 5.

    One request can ask for a fault by a mark in its prompt: [[stall]] or [[cut 5]]. The answer's
    tokens depend on the prompt only, so that a lost or doubled one shows.
    """

    model_path: str = flag("scripted", help="name to serve under, when --model-names gives none")
    engine: str = flag("scripted", help="the engine", choices=lambda: ["scripted"])
    answer_tokens: int = flag(Options.answer_tokens, help="tokens of a whole answer", metavar="N")
    first_token_s: float = flag(Options.first_token_s, help="seconds before the first token")
    tokens_per_s: float = flag(
        Options.tokens_per_s, help="tokens a second after it; 0 is as fast as can be", metavar="N"
    )
    faults: tuple[str, ...] = flag(
        (), help="faults by chance: cut:0.05 stall@5:0.01", metavar="NAME:SHARE"
    )
    fault_schedule: tuple[str, ...] = flag(
        (), help="what each request meets in turn, over and over: ok ok die", metavar="NAME"
    )
    slow_s: float = flag(Options.slow_s, help="seconds that the fault slow takes")
