"""What can be typed instead of a question: `!!` and a word."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastchat.conversation import Conversation
from fastchat.terminal.chat import transcript
from fastchat.terminal.chat.partner import Partner
from fastchat.terminal.styles import Style


@dataclass(kw_only=True)
class Talk:
    """What a command may see and change."""

    partner: Partner
    style: Style
    conversation: Conversation

    def retell(self) -> None:
        for role, text in self.conversation.messages[self.conversation.offset :]:
            self.style.show(role, text or "")

    def take_back(self, role: int) -> str | None:
        """The last message, if it is there and of this role."""
        conversation = self.conversation
        own = conversation.messages[conversation.offset :]
        if not own or own[-1][0] != conversation.roles[role]:
            return None
        text: str | None = conversation.messages.pop()[1]
        return text or ""


@dataclass(frozen=True, slots=True)
class Command:
    """`act` may return a question to answer. It raises EOFError to end the chat."""

    help: str
    act: Callable[[Talk, str], str | None]


def split(line: str) -> tuple[str, str]:
    """The command and the text after it; an empty command for what is a message."""
    word, _, rest = line.partition(" ")
    return (word, rest) if word in COMMANDS else ("", "")


def _exit(talk: Talk, _: str) -> None:
    raise EOFError


def _reset(talk: Talk, _: str) -> None:
    talk.style.say("resetting...")
    talk.conversation = talk.partner.new_conversation()


def _remove(talk: Talk, _: str) -> None:
    talk.style.say("removing last message...")
    removed = [talk.take_back(1), talk.take_back(0)]
    if removed == [None, None]:
        talk.style.say("No messages to remove.")
    else:
        talk.retell()


def _regen(talk: Talk, _: str) -> str | None:
    talk.style.say("regenerating last message...")
    talk.take_back(1)
    question = talk.take_back(0)
    if question is None:
        talk.style.say("No messages to regenerate.")
        return None
    talk.retell()
    talk.style.show(talk.conversation.roles[0], question)
    return question


def _save(talk: Talk, name: str) -> None:
    if not name:
        talk.style.say("usage: !!save <filename>")
        return
    path = transcript.path_to_save(name)
    talk.style.say(f"saving... {path}")
    try:
        transcript.save(talk.conversation, path)
    except OSError as error:
        talk.style.say(f"error: {path} cannot be written ({error.strerror}): give another name")


def _load(talk: Talk, name: str) -> None:
    if not name:
        talk.style.say("usage: !!load <filename>")
        return
    path = transcript.path_to_load(name)
    if path is None:
        talk.style.say(f"file not found: {name}")
        return
    talk.style.say(f"loading... {path}")
    try:
        talk.conversation = transcript.load(path)
    except (OSError, ValueError) as error:
        talk.style.say(f"error: {error}; the conversation stays as it is")
    else:
        talk.retell()


def _help(talk: Talk, _: str) -> None:
    width = max(map(len, COMMANDS))
    for word, command in COMMANDS.items():
        talk.style.say(f"  {word:<{width}}  {command.help}")


COMMANDS: Mapping[str, Command] = {
    "!!exit": Command("leave, as an empty message and Ctrl-D do", _exit),
    "!!reset": Command("begin a new conversation", _reset),
    "!!remove": Command("take back the last question and its answer", _remove),
    "!!regen": Command("answer the last question once more", _regen),
    "!!save": Command("FILE: keep the conversation as JSON", _save),
    "!!load": Command("FILE: go on with a conversation that was saved", _load),
    "!!help": Command("show these commands", _help),
}
