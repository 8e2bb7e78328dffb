"""Conversations as files, in the format of 0.2.36."""

import json
from pathlib import Path

import msgspec

from fastchat.conversation import Conversation, get_conv_template


class _Saved(msgspec.Struct, frozen=True):
    template_name: str
    system_message: str
    messages: list[tuple[str, str | None]]


def path_to_save(name: str) -> Path:
    """`.json` is added to a name without an ending."""
    return Path(name if "." in name else f"{name}.json").expanduser()


def path_to_load(name: str) -> Path | None:
    """None when there is no such file, with `.json` or without."""
    for candidate in (name, f"{name}.json"):
        path = Path(candidate).expanduser()
        if path.is_file():
            return path
    return None


def save(conversation: Conversation, path: Path) -> None:
    """Raises OSError."""
    path.write_text(json.dumps(conversation.dict()), encoding="utf-8")


def load(path: Path) -> Conversation:
    """Raises OSError, or ValueError for a file that holds no conversation."""
    try:
        saved = msgspec.json.decode(path.read_bytes(), type=_Saved)
        conversation = get_conv_template(saved.template_name)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} holds no conversation: {error}") from None
    except KeyError as error:
        raise ValueError(f"{path} is written in a template unknown here: {error}") from None
    conversation.set_system_message(saved.system_message)
    conversation.messages = [list(said) for said in saved.messages if said[1] is not None]
    return conversation
