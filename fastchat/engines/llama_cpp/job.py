"""One request in its native thread."""

import logging
from dataclasses import dataclass, field

from fastchat.core.errors import EngineFailed, InvalidRequest, PlatformError
from fastchat.core.generation import Chunk, GenerationRequest
from fastchat.core.mailbox import Mailbox
from fastchat.engines.llama_cpp.answer import Answer
from fastchat.engines.llama_cpp.grammars import Grammars
from fastchat.engines.llama_cpp.server import Server
from fastchat.model.writing import Wanted

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Job:
    """Puts chunks into the mailbox, the last with a finish reason, or a failure after them.
    Gives up, and frees the slot, at the first event after the mailbox was closed."""

    request: GenerationRequest
    body: bytes
    mailbox: Mailbox[Chunk]
    wanted: Wanted | None = None
    _answer: Answer = field(init=False)
    _failed: bool = False

    def __post_init__(self) -> None:
        self._answer = Answer(self.request)

    def run(self, server: Server, grammars: Grammars) -> None:
        try:
            if self.wanted is not None:
                grammars.check(self.wanted, server)
            server.handle_completions(self.body, self._receive)
        except PlatformError as error:
            self._fail(error)
        except ValueError as error:
            self._fail(InvalidRequest(f"llama.cpp refuses the request: {error}"))
        except Exception as error:
            logger.exception("request %s: llama.cpp failed", self.request.id)
            self._fail(EngineFailed(f"llama.cpp failed: {error}"))
        if not self._answer.ended and not self._failed:
            self._fail(EngineFailed("llama.cpp stopped without saying why."))

    def _receive(self, raw: bytes) -> bool:
        """True ends the generation. An exception here would end it too, but vanish."""
        if self.mailbox.closed:
            return True
        try:
            chunk = self._answer.read(raw)
        except PlatformError as error:
            self._fail(error)
            return True
        except Exception as error:
            logger.exception("request %s: llama.cpp is not understood", self.request.id)
            self._fail(EngineFailed(f"llama.cpp is not understood: {error}"))
            return True
        if chunk is not None:
            self.mailbox.put(chunk)
        return self._answer.ended

    def _fail(self, error: PlatformError) -> None:
        self._failed = True
        if not self.mailbox.closed:
            self.mailbox.fail(error)
