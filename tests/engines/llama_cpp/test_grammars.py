import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from fastchat.core.constraints import Constraint, Grammar, JsonSchema, Regex
from fastchat.core.errors import InvalidRequest
from fastchat.core.generation import collect
from fastchat.engines.llama_cpp.engine import LlamaCppEngine
from fastchat.engines.llama_cpp.grammars import Grammars
from fastchat.model.writing import Wanted
from tests.engines.requests import ask, chat

PERSON = {
    "type": "object",
    "properties": {"name": {"enum": ["Ann", "Bob"]}, "age": {"type": "integer", "maximum": 99}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


async def test_the_answer_follows_the_schema(llama: LlamaCppEngine) -> None:
    request = ask(
        chat("Who are you?"), constraint=JsonSchema(PERSON), temperature=1.0, seed=1, max_tokens=60
    )
    answer = await collect(llama.generate(request))
    person = json.loads(answer.text)
    assert answer.finish_reason == "stop"
    assert sorted(person) == ["age", "name"]
    assert person["name"] in ("Ann", "Bob")


async def test_the_empty_schema_means_any_object(llama: LlamaCppEngine) -> None:
    answer = await collect(llama.generate(ask("12", constraint=JsonSchema({}), max_tokens=4)))
    assert answer.text.startswith("{")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strange"},
        {"$ref": "#/nowhere"},
        {"type": "string", "pattern": "(("},
        {"type": "integer", "minimum": 5, "maximum": 3},
        {"not": {}},
    ],
)
async def test_a_schema_that_cannot_be_enforced_is_refused(
    llama: LlamaCppEngine, schema: Mapping[str, object]
) -> None:
    with pytest.raises(InvalidRequest, match="cannot be enforced") as refusal:
        await collect(llama.generate(ask(constraint=JsonSchema(schema))))
    assert refusal.value.param == "response_format"


@dataclass
class _Obedient:
    """Says the mark; counts how often it was asked."""

    asked: list[bytes] = field(default_factory=list)

    def handle_completions(self, prompt: bytes, callback: Callable[[bytes], bool], /) -> None:
        self.asked.append(prompt)
        callback(b'{"choices": [{"text": "\\u0001"}]}')

    def handle_metrics(self) -> str:
        return ""


def wanted(number: int) -> Wanted:
    return Wanted("value", f'value: "{number}"', "guided_choice")


def test_a_grammar_is_tried_once() -> None:
    grammars, server = Grammars(), _Obedient()
    for _ in range(3):
        grammars.check(wanted(1), server)
    assert len(server.asked) == 1


def test_only_the_newest_grammars_are_remembered() -> None:
    grammars, server = Grammars(), _Obedient()
    for number in range(300):
        grammars.check(wanted(number), server)
    grammars.check(wanted(299), server)
    assert len(server.asked) == 300
    grammars.check(wanted(0), server)
    assert len(server.asked) == 301


@pytest.mark.parametrize(
    ("constraint", "param"),
    [
        (Regex("(("), "guided_regex"),
        (Grammar("start: nothing"), "guided_grammar"),
        (Grammar('root ::= "a"'), "guided_grammar"),
    ],
)
async def test_what_does_not_compile_is_refused_by_its_name(
    llama: LlamaCppEngine, constraint: Constraint, param: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await collect(llama.generate(ask("x", constraint=constraint)))
    assert refusal.value.param == param
