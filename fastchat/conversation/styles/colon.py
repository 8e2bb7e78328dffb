"""Styles that write `role: text` on one line."""

from fastchat.conversation.style import Transcript


def single(script: Transcript) -> str:
    return script.system + script.sep + _alike(script)


def two(script: Transcript) -> str:
    return script.system + script.sep + _in_turn(script)


def space_single(script: Transcript) -> str:
    # These models were trained to go on after the blank.
    return script.system + script.sep + _alike(script, opening=": ")


def falcon_chat(script: Transcript) -> str:
    system = script.system + script.sep if script.has_system_message else ""
    return system + _alike(script)


def deepseek_chat(script: Transcript) -> str:
    return script.system + _in_turn(script)


def phoenix(script: Transcript) -> str:
    return script.system + "".join(
        f"{role}: <s>" if text is None else f"{role}: <s>{text}</s>" for role, text in script.turns
    )


def rwkv(script: Transcript) -> str:
    return script.system + "".join(
        f"{role}:" if text is None else f"{role}: {_without_empty_lines(text)}\n\n"
        for role, text in script.turns
    )


def _alike(script: Transcript, opening: str = ":") -> str:
    return "".join(
        role + opening if text is None else f"{role}: {text}{script.sep}"
        for role, text in script.turns
    )


def _in_turn(script: Transcript) -> str:
    return "".join(
        f"{role}:" if text is None else f"{role}: {text}{sep}"
        for role, text, sep in script.alternating()
    )


def _without_empty_lines(text: str) -> str:
    # An empty line ends the model's turn.
    return text.replace("\r\n", "\n").replace("\n\n", "\n")
