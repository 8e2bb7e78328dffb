"""Styles that mark where each round of question and answer begins."""

from fastchat.conversation.style import Transcript

_FULL_WIDTH_COLON = "\uff1a"


def chatglm(script: Transcript) -> str:
    prompt = script.system + script.sep if script.system else ""
    first = 1 if script.template_name == "chatglm2" else 0
    for i, (role, text) in enumerate(script.turns):
        if i % 2 == 0:
            prompt += f"[Round {i // 2 + first}]{script.sep}"
        prompt += role + _FULL_WIDTH_COLON
        prompt += "" if text is None else text + script.sep
    return prompt


def chatintern(script: Transcript) -> str:
    prompt = script.system
    for i, (role, text, sep) in enumerate(script.alternating()):
        prompt += "" if i % 2 else "<s>"
        prompt += f"{role}:" if text is None else f"{role}:{text}{sep}\n"
    return prompt
