"""Requests in few words. Greedy, unless told otherwise."""

from typing import Any

from fastchat.core.generation import Chat, GenerationRequest, Message, Prompt, Sampling

# The first words of a story that small models know by heart; they go on for long.
STORY = "Once upon a time, in a small village, there lived"


def ask(prompt: Prompt = STORY, **changes: Any) -> GenerationRequest:
    """Fields of the request and of its sampling, as they are named there."""
    known = Sampling.__dataclass_fields__
    sampling = {name: changes.pop(name) for name in list(changes) if name in known}
    return GenerationRequest(
        id="r",
        model="m",
        prompt=prompt,
        sampling=Sampling(**{"temperature": 0.0, **sampling}),
        **changes,
    )


def chat(*said: str, system: str | None = None) -> Chat:
    """The user begins; user and assistant take turns."""
    messages = [] if system is None else [Message(role="system", content=system)]
    for index, content in enumerate(said):
        messages.append(Message(role="assistant" if index % 2 else "user", content=content))
    return Chat(tuple(messages))
