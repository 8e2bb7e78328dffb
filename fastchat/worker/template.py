"""Which template makes this worker's prompts: its name, and the hash of a sample dialogue."""

from dataclasses import dataclass

from fastchat.core.attended import Attended
from fastchat.core.generation import Engine
from fastchat.model.template import NamedTemplate, digest, sample_prompt

# The name of the template that the model brought with it.
OWN = "own"


@dataclass(slots=True)
class TemplateFacts:
    """Empty until the engine was asked, and where there is nothing to tell."""

    name: str = ""
    digest: str = ""

    async def learn(self, engine: Engine, named: NamedTemplate | None) -> None:
        if named is None and "chat" not in engine.features:
            return
        self.name = OWN if named is None else named.template.name
        if named is None and isinstance(engine, Attended):
            return  # it may not be there yet
        sample = await sample_prompt(engine, named)
        self.digest = "" if sample is None else digest(sample)
