"""Arguments of tool calls: OpenAI has them as text, others as objects."""

import msgspec

from fastchat.core.errors import InvalidRequest


def as_object(arguments: str) -> dict[str, object]:
    """Raises `InvalidRequest`: what a model once wrote comes back by the client."""
    try:
        return msgspec.json.decode(arguments or "{}", type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest(
            "The arguments of a tool call in the messages are no JSON object.", param="messages"
        ) from None
