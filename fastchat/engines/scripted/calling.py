"""The part of a model that calls tools: the first of them, once, and then it says what that said.

It writes its calls as models do, as text, so that they are read as those of models are.
"""

import json
from collections.abc import Mapping

from fastchat.core.chat import Chat, NamedTool, Tool
from fastchat.model.writing import HERMES

# Where a schema asks for a text.
WORD = "Paris"
_DEEPEST = 8


def answer_with_tools(chat: Chat) -> str | None:
    """What is written to this chat, and None where it has nothing to do with tools."""
    last = chat.messages[-1]
    if last.role == "tool" and not chat.must_call:
        return f"The tool says: {last.text}"
    if not chat.offers_tools:
        return None
    tool = _chosen(chat)
    arguments = json.dumps(example(tool.parameters), ensure_ascii=False)
    call = f'{{"name": {json.dumps(tool.name)}, "arguments": {arguments}}}'
    return f"{HERMES.opens}\n{call}\n{HERMES.closes}"


def _chosen(chat: Chat) -> Tool:
    choice = chat.tool_choice
    named = choice.name if isinstance(choice, NamedTool) else None
    return next(tool for tool in chat.tools if named in (None, tool.name))


def example(schema: Mapping[str, object], root: Mapping[str, object] | None = None) -> object:
    """A value that most schemas of arguments allow."""
    return _example(schema, schema if root is None else root, 0)


def _example(schema: object, root: Mapping[str, object], depth: int) -> object:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return WORD
    if isinstance(name := schema.get("$ref"), str):
        return _example(_found(root, name), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    for several in ("enum", "anyOf", "oneOf", "allOf"):
        if isinstance(options := schema.get(several), list) and options:
            first: object = options[0]
            return first if several == "enum" else _example(first, root, depth + 1)
    return _of_type(schema, root, depth)


def _of_type(schema: Mapping[str, object], root: Mapping[str, object], depth: int) -> object:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object":
            members = schema.get("properties")
            known = members if isinstance(members, Mapping) else {}
            return {str(key): _example(one, root, depth + 1) for key, one in known.items()}
        case "array":
            return [_example(schema.get("items"), root, depth + 1)]
        case "integer" | "number":
            return schema.get("minimum", 17)
        case "boolean":
            return True
        case "null":
            return None
    return WORD


def _found(root: Mapping[str, object], name: str) -> object:
    place: object = root
    for step in name.removeprefix("#/").split("/"):
        place = place.get(step) if isinstance(place, Mapping) else None
    return place
