"""Prompts by a named template: for models that bring none, and callers that render themselves."""

from dataclasses import dataclass, replace

from fastchat.conversation import Conversation, conv_templates, filled, get_conv_template
from fastchat.core.errors import ConfigError, InvalidRequest
from fastchat.core.generation import Chat, Engine, GenerationRequest, Message, RendersChat

_PROBE = Chat(
    (
        Message(role="system", content="S1."),
        Message(role="user", content="u1"),
        Message(role="assistant", content="a1"),
        Message(role="user", content="u2"),
    )
)
_WITHOUT_SYSTEM = Chat(_PROBE.messages[1:])


@dataclass(frozen=True, slots=True)
class NamedTemplate:
    """Renders chats in place of the engine. `stops_by_id` tells whether the engine can."""

    template: Conversation
    stops_by_id: bool

    @classmethod
    def load(cls, name: str, engine: Engine) -> "NamedTemplate":
        try:
            template = get_conv_template(name)
        except KeyError:
            known = ", ".join(sorted(conv_templates))
            raise ConfigError(f"unknown --conv-template {name!r}: choose from {known}") from None
        return cls(template, "stop_token_ids" in engine.features)

    def prompt(self, chat: Chat) -> str:
        try:
            return filled(self.template, chat.messages).get_prompt()
        except ValueError as error:
            raise InvalidRequest(f"messages: {error}", param="messages") from None

    def rendered(self, request: GenerationRequest) -> GenerationRequest:
        if not isinstance(request.prompt, Chat):
            return request
        stop = self.template.stop_str or ()
        ids = self.template.stop_token_ids or () if self.stops_by_id else ()
        return replace(
            request,
            prompt=self.prompt(request.prompt),
            stop=(*request.stop, *([stop] if isinstance(stop, str) else stop)),
            stop_token_ids=(*request.stop_token_ids, *ids),
        )


async def template_for_callers(engine: Engine, named: NamedTemplate | None) -> Conversation:
    """What callers of 0.2.36, who render prompts themselves, have to use to get the same prompts:
    the worker's named template, or the one that renders as the model's own does.

    Raises `InvalidRequest` when there is none.
    """
    if named is not None:
        return named.template
    if isinstance(engine, RendersChat):
        wanted = await engine.render(_PROBE)
        for name in sorted(conv_templates):
            template = get_conv_template(name)
            if _renders(template, _PROBE) == wanted:
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
