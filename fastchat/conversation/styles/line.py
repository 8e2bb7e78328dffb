"""Styles that give the role a line of its own."""

from fastchat.conversation.style import Transcript


def single(script: Transcript) -> str:
    return _head(script, script.sep) + _lines(script, script.sep)


def chatml(script: Transcript) -> str:
    return _head(script, script.sep + "\n") + _lines(script, script.sep + "\n")


def chatglm3(script: Transcript) -> str:
    system = script.system if script.has_system_message else ""
    return system + "".join(
        role if text is None else f"{role}\n{text}" for role, text in script.turns
    )


def robin(script: Transcript) -> str:
    return script.system + script.sep + _lines(script, script.sep, opening=":\n")


def dolly(script: Transcript) -> str:
    prompt = script.system
    for i, (role, text, sep) in enumerate(script.alternating()):
        prompt += f"{role}:\n"
        if text is not None:
            prompt += text + sep + ("\n\n" if i % 2 else "")
    return prompt


def metamath(script: Transcript) -> str:
    # `sep2` begins an answer instead of ending it: the model is led to think step by step.
    prompt = _head(script, script.sep)
    for i, (role, text) in enumerate(script.turns):
        prompt += f"{role}: {script.sep2}" if i % 2 else f"{role}:\n"
        if text is not None:
            prompt += text + ("" if i % 2 else script.sep)
    return prompt


def _head(script: Transcript, end: str) -> str:
    return script.system + end if script.system else ""


def _lines(script: Transcript, end: str, opening: str = "\n") -> str:
    return "".join(
        role + opening if text is None else role + opening + text + end
        for role, text in script.turns
    )
