"""What a request becomes before the model reads it: asked for under the request's path and this."""

import msgspec
from msgspec import UNSET, UnsetType

RENDER = "/render"
PATHS = tuple(f"/v1/{kind}{RENDER}" for kind in ("chat/completions", "completions"))


class Prompted(msgspec.Struct, frozen=True, kw_only=True):
    """`template` and the hash of its sample are the worker's (`/worker_get_status`). A prompt of
    token ids has no text."""

    model: str
    prompt: str | UnsetType = UNSET
    token_ids: list[int] | UnsetType = UNSET
    prompt_tokens: int | UnsetType = UNSET
    template: str | UnsetType = UNSET
    template_hash: str | UnsetType = UNSET
