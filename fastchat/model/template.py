"""Prompts by a named template: for models that bring none, and callers that render themselves.

Such templates know no tools: they are told in words.
"""

import hashlib
from dataclasses import dataclass, replace

from fastchat.conversation import Conversation, conv_templates, filled, get_conv_template
from fastchat.core.constraints import Constraint, Grammar
from fastchat.core.errors import ConfigError, InvalidRequest
from fastchat.core.generation import (
    Chat,
    Engine,
    Feature,
    GenerationRequest,
    Message,
    RendersChat,
)
from fastchat.model.writing import Manner, Reader

# The dialogue by which templates are compared and told apart.
SAMPLE = Chat(
    (
        Message(role="system", content="S1."),
        Message(role="user", content="u1"),
        Message(role="assistant", content="a1"),
        Message(role="user", content="u2"),
    )
)
_MANNER = Manner.of("")
# What a named template adds to any engine, with a grammar too, and what it has no words for.
_BY_TEMPLATE: frozenset[Feature] = frozenset(["chat", "tools"])
_BY_GRAMMAR: frozenset[Feature] = frozenset(["tool_choice"])
_ONLY_OWN_TEMPLATES: frozenset[Feature] = frozenset(
    ["tool_choice", "reasoning_effort", "vision", "audio"]
)
_WITHOUT_SYSTEM = Chat(SAMPLE.messages[1:])


@dataclass(frozen=True, slots=True)
class NamedTemplate:
    """Renders chats in place of the engine. `offered` is what the engine can."""

    template: Conversation
    offered: frozenset[Feature]

    @classmethod
    def load(cls, name: str, engine: Engine) -> "NamedTemplate":
        try:
            template = get_conv_template(name)
        except KeyError:
            known = ", ".join(sorted(conv_templates))
            raise ConfigError(f"unknown --conv-template {name!r}: choose from {known}") from None
        return cls.of(template, engine)

    @classmethod
    def of(cls, template: Conversation, engine: Engine) -> "NamedTemplate":
        return cls(template, engine.features)

    @property
    def features(self) -> frozenset[Feature]:
        """What the engine and the template can together."""
        both = self.offered.union(_BY_TEMPLATE).difference(_ONLY_OWN_TEMPLATES)
        return both.union(_BY_GRAMMAR if "guided_grammar" in self.offered else ())

    def prompt(self, chat: Chat) -> str:
        try:
            return filled(self.template, _MANNER.told(chat).messages).get_prompt()
        except ValueError as error:
            raise InvalidRequest(f"messages: {error}", param="messages") from None

    def rendered(self, request: GenerationRequest) -> GenerationRequest:
        if not isinstance(request.prompt, Chat):
            return request
        stop = self.template.stop_str or ()
        ids = self.template.stop_token_ids or () if "stop_token_ids" in self.offered else ()
        return replace(
            request,
            prompt=self.prompt(request.prompt),
            constraint=self._constraint(request, request.prompt),
            stop=(*request.stop, *([stop] if isinstance(stop, str) else stop)),
            stop_token_ids=(*request.stop_token_ids, *ids),
        )

    def _constraint(self, request: GenerationRequest, chat: Chat) -> Constraint | None:
        """A call that must be made, or may be made instead of an answer, is part of a grammar."""
        if not chat.offers_tools or "guided_grammar" not in self.offered:
            return request.constraint
        wanted = _MANNER.wanted(request, None)
        return None if wanted is None else Grammar(wanted.lark)

    def reader(self, request: GenerationRequest) -> Reader | None:
        """For the answer to a chat; None when there is nothing but text to expect."""
        return _MANNER.reader(request, "")


async def sample_prompt(engine: Engine, named: NamedTemplate | None) -> str | None:
    """`SAMPLE` as this template writes it, without its system message where that is refused. None
    when nobody here can render."""
    for chat in (SAMPLE, _WITHOUT_SYSTEM):
        try:
            if named is not None:
                return named.prompt(chat)
            if isinstance(engine, RendersChat):
                return await engine.render(chat)
        except InvalidRequest:
            continue
    return None


def digest(prompt: str) -> str:
    """A short name for exactly this prompt."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]


async def template_for_callers(engine: Engine, named: NamedTemplate | None) -> Conversation:
    """What callers of 0.2.36, who render prompts themselves, have to use to get the same prompts:
    the worker's named template, or the one that renders as the model's own does.

    Raises `InvalidRequest` when there is none.
    """
    if named is not None:
        return named.template
    if isinstance(engine, RendersChat):
        wanted = await engine.render(SAMPLE)
        for name in sorted(conv_templates):
            template = get_conv_template(name)
            if _renders(template, SAMPLE) == wanted:
                template.set_system_message(await _own_system_message(engine, wanted))
                return template
    raise InvalidRequest(
        "No named template renders as this model's own does; callers that render prompts "
        "themselves need one: start the worker with --conv-template."
    )


def _renders(template: Conversation, chat: Chat) -> str | None:
    try:
        return filled(template, chat.messages).get_prompt()
    except ValueError:
        return None


async def _own_system_message(engine: RendersChat, with_system: str) -> str:
    """What the model's template says when nobody sets a system message: the text it puts there."""
    without = await engine.render(_WITHOUT_SYSTEM)
    before, _, after = with_system.partition("S1.")
    if without.startswith(before) and without.endswith(after):
        return without[len(before) : len(without) - len(after)]
    return ""
