"""What a served engine is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fastchat.core.errors import ConfigError
from fastchat.engines.served.row import NOTHING, Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """A child on `model`, or what runs at `url` already.

    `python` is the interpreter of a child; None: ours. `arguments` are the engine's own, passed on
    as they are. `key` opens a remote server. `remote_model` is what a model is called there; None:
    as here.
    """

    row: Row
    names: Sequence[str]
    model: str | None = None
    python: Path | None = None
    url: str | None = None
    key: str | None = field(default=None, repr=False)
    remote_model: str | None = None
    slots: int | None = None
    num_gpus: int = 1
    trust_remote_code: bool = False
    context_length: int | None = None
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    def __post_init__(self) -> None:
        """Raises `ConfigError`."""
        row = self.row
        if self.url is not None:
            self._check_remote()
        elif not row.program:
            raise ConfigError(f"{row.title} cannot be started from here: {row.install}")
        elif self.model is None:
            raise ConfigError("give --model-path for an engine to start, or --engine-url")

    def _check_remote(self) -> None:
        """What only a child can be told has no meaning for one that runs already."""
        given = {
            "--engine-python": self.python is not None,
            "--trust-remote-code": self.trust_remote_code,
            "--num-gpus": self.num_gpus != 1,
            next(iter(self.arguments), ""): bool(self.arguments),
        }
        for flag, is_given in given.items():
            if is_given:
                raise ConfigError(
                    f"{flag} has no meaning with --engine-url: that engine runs already"
                )
