"""How a request is aborted from outside: by its id, at the API server or at a worker."""

from typing import Annotated

import msgspec
from msgspec import Meta

PATH = "/abort_request"

# Ids of answers, in OpenAI's dialect and in Anthropic's, are those of their requests behind these.
_PREFIXES = ("chatcmpl-", "cmpl-", "msg_")


class AbortRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`rid` as SGLang calls it: the `x-request-id` of the answer, or the `id` in its chunks, unless
    an engine that is a server of its own, or the model `arena`, made that one."""

    rid: Annotated[str, Meta(max_length=256)]

    @property
    def id(self) -> str:
        for prefix in _PREFIXES:
            if self.rid.startswith(prefix):
                return self.rid.removeprefix(prefix)
        return self.rid


class Aborted(msgspec.Struct, frozen=True, kw_only=True):
    rid: str
    aborted: int
