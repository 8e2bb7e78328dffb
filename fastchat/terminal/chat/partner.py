"""Who answers: an engine, how it is prompted, and how it is to sample."""

from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field

from fastchat.conversation import Conversation, get_conv_template
from fastchat.core.errors import ConfigError, InvalidRequest
from fastchat.core.generation import (
    Chat,
    Chunk,
    Engine,
    GenerationRequest,
    Message,
    RendersChat,
    Sampling,
    required_features,
)
from fastchat.model.template import NamedTemplate

# A conversation in the model's own template is kept under these roles, USER and ASSISTANT.
OWN_ROLES = "vicuna_v1.1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Partner:
    """`template` names one that is used in place of the model's own."""

    engine: Engine
    new_id: Callable[[], str]
    template: str | None = None
    system_message: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None

    def check(self) -> None:
        """Raises `ConfigError` for what would fail with every question."""
        conversation = self.new_conversation()
        conversation.append_message(conversation.roles[0], "?")
        try:
            missing = required_features(self.request(conversation)) - self.engine.features
        except InvalidRequest as error:
            raise ConfigError(f"--conv-template: {error.message.partition(': ')[2]}") from None
        if missing:
            names = ", ".join(f"--{name}" for name in sorted(missing))
            raise ConfigError(f"{names} has no meaning for this engine: leave it out")

    def new_conversation(self) -> Conversation:
        if self.template is not None:
            conversation = NamedTemplate.load(self.template, self.engine).template.copy()
        else:
            conversation = get_conv_template(OWN_ROLES)
            conversation.set_system_message("")
        if self.system_message is not None:
            conversation.set_system_message(self.system_message)
        return conversation

    def request(self, conversation: Conversation) -> GenerationRequest:
        """Raises `InvalidRequest` when the conversation's template has no prompt form."""
        request = GenerationRequest(
            id=self.new_id(),
            model=self.engine.model_names[0],
            prompt=Chat(tuple(self._messages(conversation))),
            max_tokens=self.max_tokens,
            sampling=self.sampling,
        )
        if self.template is None:
            return request
        return NamedTemplate.load(conversation.name, self.engine).rendered(request)

    def answer(self, request: GenerationRequest) -> AsyncGenerator[Chunk, None]:
        return self.engine.generate(request)

    async def prompt(self, request: GenerationRequest) -> str | None:
        """The text that the model gets; None when only the engine knows."""
        match request.prompt:
            case str(text):
                return text
            case Chat() as chat if isinstance(self.engine, RendersChat):
                return await self.engine.render(chat)
        return None

    def _messages(self, conversation: Conversation) -> Iterator[Message]:
        # A named template has a system message of its own, which an empty one replaces.
        if conversation.system_message or self.template is not None:
            yield Message(role="system", content=conversation.system_message)
        for role, text in conversation.messages[conversation.offset :]:
            if text is not None:
                said_by_model = role == conversation.roles[1]
                yield Message(role="assistant" if said_by_model else "user", content=text)
