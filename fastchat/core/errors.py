"""Every error that reaches a user, each with its HTTP status and stable numeric code.

PlatformError                   500  50001
├── InvalidRequest              400  40001
│   ├── OutOfRange              400  40302
│   ├── ContextOverflow         400  40303
│   ├── Unsupported             400  40001
│   ├── BodyTooLarge            413  40001
│   ├── HeadTooLarge            431  40001
│   └── TooSlow                 408  40001
├── InvalidKey                  401  40102
├── NoPermission                403  40103
├── UnknownModel                404  40301
├── UnknownRequest              404  40001
├── UnknownBattle               404  40001
├── ServiceGone                 410  40301
├── RateLimited                 429  42901   with Retry-After
├── QuotaExceeded               429  42902
├── Conflict                    409  40001
├── Aborted                     499  40001
├── Overloaded                  503  42903   with Retry-After
├── EngineFailed                500  50001
│   ├── OutOfMemory             500  50002
│   ├── EngineLost              502  50001   with Retry-After
│   └── EngineNotReady          503  50001   with Retry-After
├── KeysUnknown                 503  50001   with Retry-After
├── NoWorker                    503  50005   with Retry-After
│   └── ProviderAway            503  50005   with Retry-After
├── ShuttingDown                503  50001   with Retry-After
├── WorkerTimeout               504  50006
└── DeadlinePassed              504  50006

and two that do not: ConfigError, a sentence for the terminal before anything is served, and
ControllerFault, for those who talk to a controller.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar


class PlatformError(Exception):
    """`message` is for the user: cause and remedy. `param` names the field at fault."""

    status: ClassVar[int] = 500
    code: ClassVar[int] = 50001
    type: ClassVar[str] = "server_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s: int | None = None


class InvalidRequest(PlatformError):
    status = 400
    code = 40001
    type = "invalid_request_error"


class OutOfRange(InvalidRequest):
    code = 40302


class ContextOverflow(InvalidRequest):
    code = 40303

    def __init__(
        self,
        prompt_tokens: int,
        context_length: int,
        *,
        param: str = "messages",
        or_more: bool = False,
    ) -> None:
        """`or_more`: counting ended when it was clear that the prompt does not fit."""
        count = f"{prompt_tokens} or more" if or_more else str(prompt_tokens)
        super().__init__(
            f"This model's maximum context length is {context_length} tokens, but the prompt has "
            f"{count} tokens and an answer needs at least one (context_length_exceeded). "
            "Shorten the prompt.",
            param=param,
        )
        self.prompt_tokens = prompt_tokens
        self.context_length = context_length


class Unsupported(InvalidRequest):
    def __init__(self, features: Iterable[str], *, model: str) -> None:
        names = ", ".join(sorted(features))
        super().__init__(f"The model {model!r} does not support: {names}.", param=names)


class BodyTooLarge(InvalidRequest):
    status = 413

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The request body is larger than {limit_bytes} bytes.")


class HeadTooLarge(InvalidRequest):
    status = 431

    def __init__(self, limit_bytes: int, most_headers: int) -> None:
        super().__init__(
            f"The request's head is larger than {limit_bytes} bytes or {most_headers} headers."
        )


class TooSlow(InvalidRequest):
    status = 408

    def __init__(self) -> None:
        super().__init__("The request came too slowly.")


class InvalidKey(PlatformError):
    status = 401
    code = 40102
    type = "authentication_error"


class NoPermission(PlatformError):
    status = 403
    code = 40103
    type = "permission_error"


class UnknownModel(PlatformError):
    status = 404
    code = 40301
    type = "invalid_request_error"

    def __init__(self, model: str, known: Sequence[str]) -> None:
        super().__init__(f"Only {'&&'.join(known)} allowed now, your model {model}", param="model")


class UnknownRequest(PlatformError):
    status = 404
    code = 40001
    type = "invalid_request_error"

    def __init__(self, id: str) -> None:
        super().__init__(
            f"No request {id!r} of yours is running: it has ended, or its id is another. It is the "
            "x-request-id of the answer.",
            param="rid",
        )


class UnknownBattle(PlatformError):
    status = 404
    code = 40001
    type = "invalid_request_error"

    def __init__(self, battle: str) -> None:
        super().__init__(
            f"There is no battle {battle!r} to vote on: it needs two whole answers of the model "
            "'arena', and the `id` that came with them.",
            param="battle",
        )


class ServiceGone(PlatformError):
    """A remote service that was shut down for good."""

    status = 410
    code = 40301
    type = "invalid_request_error"


class RateLimited(PlatformError):
    """The caller's own limit; `Overloaded` is ours. `headers` tell more of it."""

    status = 429
    code = 42901
    type = "rate_limit_error"

    def __init__(
        self, message: str, *, retry_after_s: int, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.headers = tuple(headers)


class QuotaExceeded(PlatformError):
    """Nothing is left of what the caller may use; to wait does not help."""

    status = 429
    code = 42902
    type = "insufficient_quota"


class KeysUnknown(PlatformError):
    status = 503

    def __init__(self) -> None:
        super().__init__("API keys cannot be looked up right now: the database does not answer.")
        self.retry_after_s = 5


class Conflict(PlatformError):
    status = 409
    code = 40001
    type = "invalid_request_error"


class Aborted(PlatformError):
    """Nginx' status for a client that left; here another call asked for the end."""

    status = 499
    code = 40001
    type = "request_aborted"

    def __init__(self) -> None:
        super().__init__("This request was aborted by another call (/abort_request).")


class Overloaded(PlatformError):
    status = 503
    code = 42903
    type = "overloaded_error"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class EngineFailed(PlatformError):
    """The engine broke; the request was fine."""


class OutOfMemory(EngineFailed):
    code = 50002


class EngineLost(EngineFailed):
    """What the worker stands on died under the request."""

    status = 502

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.retry_after_s = 2


class EngineNotReady(EngineFailed):
    """Nothing was begun: another worker may be asked."""

    status = 503

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.retry_after_s = 5


class NoWorker(PlatformError):
    status = 503
    code = 50005

    def __init__(self, model: str, *, retry_after_s: int = 2) -> None:
        super().__init__(
            f"No worker for the model {model!r} answers right now (CONTROLLER_NO_WORKER). "
            "It may be starting again: retry shortly, or look at the worker's log."
        )
        self.retry_after_s = retry_after_s


class ProviderAway(NoWorker):
    """A remote service does not answer, or not us. Nothing was said yet: another may be asked."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        PlatformError.__init__(self, message)
        self.retry_after_s = retry_after_s


class ShuttingDown(PlatformError):
    status = 503

    def __init__(self) -> None:
        super().__init__("The server is shutting down and could not finish. Ask again.")
        self.retry_after_s = 1


class WorkerTimeout(PlatformError):
    status = 504
    code = 50006
    type = "timeout_error"

    def __init__(self, limit_s: float) -> None:
        """`limit_s` 0: the worker did not answer at all."""
        said = "did not answer"
        if limit_s:
            said = f"was silent for {limit_s:g} s; FASTCHAT_WORKER_API_TIMEOUT raises the limit"
        super().__init__(f"The worker {said} (CONTROLLER_WORKER_TIMEOUT).")


class DeadlinePassed(PlatformError):
    status = 504
    code = 50006
    type = "timeout_error"

    def __init__(self) -> None:
        super().__init__("The time that X-Request-Timeout gave this request is over.")


class ConfigError(Exception):
    """A process cannot start as it was told to: one sentence with the remedy, exit status 2."""


class ControllerFault(Exception):
    """The controller cannot be reached, refused (`status`), or spoke nonsense."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def error_of(code: int, message: str) -> PlatformError:
    """The error of that code, as another process tells it."""
    kinds = {kind.code: kind for kind in _TOLD}
    kind = kinds.get(code) or (EngineFailed if code >= 50000 else InvalidRequest)
    error = kind.__new__(kind)
    PlatformError.__init__(error, message)  # their own constructors would write another message
    if kind.status == 503:
        error.retry_after_s = 2
    return error


_TOLD: Sequence[type[PlatformError]] = (
    OutOfRange,
    ContextOverflow,
    UnknownModel,
    Overloaded,
    OutOfMemory,
    NoWorker,
    WorkerTimeout,
)
