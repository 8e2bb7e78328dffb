import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastchat.conversation import (
    IMAGE_PLACEHOLDER_STR,
    Conversation,
    SeparatorStyle,
    conv_templates,
    get_conv_template,
)

WRITTEN = sorted(name for name, template in conv_templates.items() if template.sep_style)
REMOTE = sorted(set(conv_templates) - set(WRITTEN))

# Line ends and the letters of `<n>` are what two styles take out.
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n<n>"), min_size=1)


def _talk(conversation: Conversation, *texts: str | None) -> Conversation:
    for i, text in enumerate(texts):
        conversation.append_message(conversation.roles[i % 2], text)
    return conversation


@given(st.sampled_from(WRITTEN), st.lists(words, min_size=1, max_size=5))
def test_what_was_said_stands_in_the_prompt_in_order(name: str, texts: list[str]) -> None:
    rest = _talk(get_conv_template(name), *texts, None).get_prompt()
    for text in texts:
        before, found, rest = rest.partition(text)
        assert found, (before, text)


# Yuan 2 marks the end of a prompt, not of each turn.
@given(st.sampled_from([name for name in WRITTEN if name != "yuan2"]), words)
def test_an_open_turn_is_the_beginning_of_its_answer(name: str, answer: str) -> None:
    asked = _talk(get_conv_template(name), "Hello!", None)
    prompt = asked.get_prompt()
    asked.update_last_message(answer)
    assert asked.get_prompt().startswith(prompt)


@pytest.mark.parametrize("name", REMOTE)
def test_a_template_for_a_remote_model_has_no_prompt(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' has no prompt form"):
        get_conv_template(name).get_prompt()


def test_a_style_given_as_a_number_is_understood() -> None:
    numbered = Conversation(name="own", sep_style=SeparatorStyle(4), sep="")
    numbered.sep_style = 4  # type: ignore[assignment]  # what scripts read from JSON
    assert _talk(numbered, "Hello!", None).get_prompt() == "USERHello!ASSISTANT"


def test_the_messages_of_a_template_may_be_tuples() -> None:
    shown = Conversation(name="own", messages=(("USER", "1"), ("ASSISTANT", "2")), offset=2)  # type: ignore[arg-type]  # as scripts write it
    shown.append_message("USER", "3")
    assert shown.messages == [["USER", "1"], ["ASSISTANT", "2"], ["USER", "3"]]


def test_a_conversation_without_messages_can_be_filled() -> None:
    assert _talk(Conversation(name="own"), "Hello!").messages == [["USER", "Hello!"]]


@pytest.mark.parametrize("name", WRITTEN)
def test_images_leave_their_mark_in_every_style(name: str) -> None:
    seen = get_conv_template(name)
    seen.append_message(seen.roles[0], ("What is it?", ["eA==", "eQ=="]))
    assert IMAGE_PLACEHOLDER_STR * 2 + "What is it?" in seen.get_prompt()
    assert seen.get_images() == ["eA==", "eQ=="]


def test_the_chatbot_shows_an_image_beside_its_question() -> None:
    seen = get_conv_template("vicuna_v1.1")
    seen.append_message("USER", ("<image>\nWhat is it?", ["eA=="]))
    seen.append_message("ASSISTANT", None)
    [[question, answer]] = seen.to_gradio_chatbot()
    assert question == (
        '<img src="data:image/jpeg;base64,eA==" alt="user upload image" />What is it?'
    )
    assert answer is None


def test_examples_are_in_the_prompt_and_nowhere_else() -> None:
    baize = _talk(get_conv_template("baize"), "Who are you?", "Baize.")
    assert "Hello!" in baize.get_prompt()
    assert baize.to_gradio_chatbot() == [["Who are you?", "Baize."]]
    assert [message["role"] for message in baize.to_openai_api_messages()] == [
        "system",
        "user",
        "assistant",
    ]


def test_the_log_keeps_text_and_no_images() -> None:
    seen = get_conv_template("one_shot")
    seen.append_message("Human", ("Look", ["eA=="]))
    assert seen.dict()["messages"][-1] == ("Human", "Look")
    assert seen.dict()["offset"] == 2


def test_braces_in_a_system_message_are_text() -> None:
    told = get_conv_template("llama-2")
    told.set_system_message("{pirate} {0} {")
    assert "<<SYS>>\n{pirate} {0} {\n<</SYS>>" in told.get_prompt()
