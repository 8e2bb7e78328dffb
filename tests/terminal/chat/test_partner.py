import pytest

from fastchat.core.errors import ConfigError
from fastchat.core.generation import Sampling
from fastchat.engines.echo import EchoEngine, Options
from tests.scripted import ScriptedEngine
from tests.terminal.chat.talks import partner


def test_a_named_template_writes_the_prompt_with_its_roles() -> None:
    asked = partner(ScriptedEngine(features=frozenset()), template="chatglm3")
    conversation = asked.new_conversation()
    assert conversation.roles == ("<|user|>", "<|assistant|>")
    conversation.append_message(conversation.roles[0], "a")
    request = asked.request(conversation)
    assert isinstance(request.prompt, str)
    assert request.prompt.endswith("<|assistant|>")
    assert request.stop_token_ids == ()


def test_the_templates_own_system_message_can_be_emptied() -> None:
    asked = partner(template="vicuna_v1.1", system_message="")
    conversation = asked.new_conversation()
    conversation.append_message("USER", "a")
    assert asked.request(conversation).prompt == " USER: a ASSISTANT:"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"template": "nothing"}, "unknown --conv-template 'nothing': choose from"),
        ({"template": "chatgpt"}, "'chatgpt' has no prompt form"),
        ({"sampling": Sampling(repetition_penalty=1.1)}, "--repetition_penalty has no meaning"),
    ],
)
def test_what_would_fail_with_every_question_is_told_at_once(
    options: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        partner(EchoEngine(Options()), **options).check()
