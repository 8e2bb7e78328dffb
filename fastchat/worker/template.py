"""Which template makes this worker's prompts: its name, and the hash of a sample dialogue."""

import logging
from dataclasses import dataclass

from fastchat.core.attended import Attended
from fastchat.core.generation import CountsTokens, Engine
from fastchat.model.template import NamedTemplate, digest, sample_prompt

logger = logging.getLogger("model_worker")

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


def say_template(named: NamedTemplate | None, engine: Engine) -> None:
    names = ", ".join(engine.model_names)
    if named is not None:
        logger.info("chats with %s are rendered by the template %s", names, named.template.name)
    elif "chat" in engine.features:
        logger.info("chats with %s are rendered by the model's own template", names)
    elif isinstance(engine, CountsTokens):  # it makes text
        logger.warning(
            "%s brings no chat template and its name tells no family: chats are refused, "
            "completions are answered; --conv-template names a template",
            names,
        )
