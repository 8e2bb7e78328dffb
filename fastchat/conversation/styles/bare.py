"""Styles that put nothing of their own between a role and its text."""

from fastchat.conversation.style import Transcript


def single(script: Transcript) -> str:
    return script.system + "".join(
        role if text is None else role + text + script.sep for role, text in script.turns
    )


def two(script: Transcript) -> str:
    return script.system + "".join(
        role if text is None else role + text + sep for role, text, sep in script.alternating()
    )


def llama2(script: Transcript) -> str:
    """The system text has opened the first `[INST]` already, so the first turn brings none."""
    prompt = script.system if script.has_system_message else "[INST] "
    for i, (_, text, sep) in enumerate(script.alternating()):
        tag = script.roles[i % 2]
        if text is None:
            prompt += tag
        else:
            prompt += f"{text} " if i == 0 else f"{tag} {text}{sep}"
    return prompt


def yuan2(script: Transcript) -> str:
    system = script.system + script.sep2 if script.has_system_message else ""
    turns = "".join(f"{text}<n>" for _, text in script.turns if text is not None)
    # This takes off letters, not the word: a known quirk, kept because prompts must not change.
    return (system + turns).rstrip("<n>") + script.sep
