"""A conversation and the template it is written in. The names are those of FastChat 0.2.36."""

import builtins
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from fastchat.conversation.style import SeparatorStyle, Transcript, Turn
from fastchat.conversation.styles import STYLES

IMAGE_PLACEHOLDER_STR = "$$<image>$$"

# Text, text with images, or the open turn.
Message = str | tuple[str, list[str]] | None


@dataclass
class Conversation:
    """`messages` holds `[role, message]`.

    The first `offset` messages are examples that belong to the template. A `sep_style` of None is a
    template without a prompt form, for a remote model that takes messages.
    """

    name: str
    system_template: str = "{system_message}"
    system_message: str = ""
    roles: tuple[str, ...] = ("USER", "ASSISTANT")
    messages: list[list[Any]] = field(default_factory=list)
    offset: int = 0
    sep_style: SeparatorStyle | None = SeparatorStyle.ADD_COLON_SINGLE
    sep: str | None = "\n"
    sep2: str | None = None
    stop_str: str | list[str] | None = None
    stop_token_ids: list[int] | None = None

    def __post_init__(self) -> None:
        self.messages = [list(message) for message in self.messages]

    def get_prompt(self) -> str:
        """Raises ValueError when the template has no prompt form."""
        style = STYLES.get(self.sep_style) if self.sep_style else None
        if style is None:
            raise ValueError(
                f"the template {self.name!r} has no prompt form (separator style {self.sep_style})"
            )
        return style(self._transcript())

    def get_images(self) -> list[str]:
        return [image for _, images in self._said()[::2] for image in images]

    def set_system_message(self, system_message: str) -> None:
        self.system_message = system_message

    def append_message(self, role: str, message: Message) -> None:
        self.messages.append([role, message])

    def update_last_message(self, message: Message) -> None:
        """Fill the open turn."""
        self.messages[-1][1] = message

    def to_gradio_chatbot(self) -> list[list[str | None]]:
        """Pairs of question and answer, a question's first image inside its text."""
        pairs: list[list[str | None]] = []
        for i, (text, images) in enumerate(self._said()):
            if i % 2 == 0:
                pairs.append([_pictured(text, images[0]) if images else text, None])
            else:
                pairs[-1][1] = text
        return pairs

    def to_openai_api_messages(self) -> list[builtins.dict[str, Any]]:
        said = [{"role": "system", "content": self.system_message}] if self.system_message else []
        for i, (_, message) in enumerate(self.messages[self.offset :]):
            if i % 2 == 0:
                said.append({"role": "user", "content": message})
            elif message is not None:
                said.append({"role": "assistant", "content": message})
        return said

    def extract_text_from_messages(self) -> list[tuple[str, str | None]]:
        return [(role, _split(message)[0]) for role, message in self.messages]

    def copy(self) -> "Conversation":
        return deepcopy(self)

    def dict(self) -> builtins.dict[str, Any]:
        """What the conversation log keeps."""
        return {
            "template_name": self.name,
            "system_message": self.system_message,
            "roles": self.roles,
            "messages": self.extract_text_from_messages(),
            "offset": self.offset,
        }

    def _said(self) -> list[tuple[str | None, list[str]]]:
        return [_split(message) for _, message in self.messages[self.offset :]]

    def _transcript(self) -> Transcript:
        return Transcript(
            template_name=self.name,
            system=self.system_template.format(system_message=self.system_message),
            has_system_message=bool(self.system_message),
            roles=self.roles,
            turns=tuple(_turn(role, message) for role, message in self.messages),
            sep=self.sep or "",
            sep2=self.sep2 or "",
        )


def _split(message: Message) -> tuple[str | None, list[str]]:
    return message if isinstance(message, tuple) else (message, [])


def _turn(role: str, message: Message) -> Turn:
    """An empty message is an open turn, as it always was."""
    if not message:
        return role, None
    text, images = _split(message)
    return role, IMAGE_PLACEHOLDER_STR * len(images) + (text or "")


def _pictured(text: str | None, image: str) -> str:
    tag = f'<img src="data:image/jpeg;base64,{image}" alt="user upload image" />'
    return tag + (text or "").replace("<image>\n", "").strip()
