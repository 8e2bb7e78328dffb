"""The flags that a program's source declares, without running it: by calls of `add_argument`, or as
fields of classes with their help beside their type, as SGLang has them. What is worked out as the
program runs is not told. And those of a parser that is there.
"""

import argparse
import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# How many words follow it; as argparse says that, and its actions for none.
NONE, ONE = "0", "1"
_WITHOUT_VALUE = frozenset(["store_true", "store_false", "store_const", "count", "version", "help"])
_WITHOUT_VALUE_TOO = ("StoreTrueAction", "BooleanOptionalAction")
_PLAIN = frozenset(["str", "int", "float"])
_ANNOTATED = frozenset(["A", "Annotated"])


@dataclass(frozen=True)
class Flag:
    """`takes` is how many words follow; `kind` is `int`, `float`, or `str` for whatever else."""

    names: tuple[str, ...]
    takes: str
    kind: str = "str"
    choices: tuple[str, ...] = ()
    required: bool = False

    def told(self) -> dict[str, object]:
        told: dict[str, object] = {"names": list(self.names), "takes": self.takes}
        if self.takes != NONE:
            told["kind"] = self.kind
        if self.choices:
            told["choices"] = list(self.choices)
        return told | ({"required": True} if self.required else {})


def read(told: Mapping[str, Any]) -> Flag:
    return Flag(
        tuple(told["names"]),
        told["takes"],
        told.get("kind", "str"),
        tuple(told.get("choices", ())),
        told.get("required", False),
    )


def of_parser(parser: argparse.ArgumentParser) -> Iterator[Flag]:
    for action in parser._actions:  # argparse tells it in no other way
        if action.dest != "help":
            named = getattr(action.type, "__name__", "")
            yield Flag(
                tuple(action.option_strings) or (action.dest,),
                ONE if action.nargs is None else str(action.nargs),
                named if named in _PLAIN and action.nargs != 0 else "str",
                tuple(str(one) for one in action.choices or ()),
                action.required,
            )


def declared(tree: ast.AST) -> Iterator[Flag]:
    """By `add_argument`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            names = tuple(word for word in map(_text, node.args) if word)
            if node.func.attr == "add_argument" and names:
                said = _keywords(node)
                yield Flag(
                    _both(names, said),
                    _takes(said),
                    _kind(said.get("type")),
                    _choices(said.get("choices")),
                    _is_true(said.get("required")) or not names[0].startswith("-"),
                )


def fields(tree: ast.AST) -> Iterator[Flag]:
    """By `name: A[type, Arg(...)] = default`, or with only a help text beside the type."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            marked = _marked(node.annotation)
            if marked is not None:
                said = marked[1]
                if not _is_true(said.get("no_cli")):
                    yield _field(node.target.id, marked[0], said, node.value is None)


def _field(name: str, kind: ast.expr, said: Mapping[str, ast.expr], has_no_default: bool) -> Flag:
    kind, subscript = _inner(kind)
    takes = _takes(said)
    if takes == ONE and "action" not in said and "type_parser" not in said:
        if isinstance(kind, ast.Name) and kind.id == "bool":
            takes = NONE
        elif subscript in ("list", "List"):
            takes = "+"
    literal = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    choices = tuple(_text(one) for one in literal) if subscript == "Literal" else ()
    named = _text(said.get("cli_name")) or "--" + name.replace("_", "-")
    return Flag(
        _both((named, *_choices(said.get("aliases"))), said),
        takes,
        "str" if "type_parser" in said or subscript == "Literal" else _kind(kind),
        choices or _choices(said.get("choices")),
        _is_true(said.get("required")) or (has_no_default and "required" not in said),
    )


def _marked(annotation: ast.expr) -> tuple[ast.expr, Mapping[str, ast.expr]] | None:
    """The type, and what is said about the flag; None for a field that is none."""
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.slice, ast.Tuple):
        return None
    if not isinstance(annotation.value, ast.Name) or annotation.value.id not in _ANNOTATED:
        return None
    kind, *beside = annotation.slice.elts
    for one in beside:
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id == "Arg":
            return kind, _keywords(one)
        if isinstance(one, ast.Constant | ast.JoinedStr):
            return kind, {}
    return None


def _inner(kind: ast.expr) -> tuple[ast.expr, str]:
    """Without `Optional`, and what it is a list or a choice of."""
    if isinstance(kind, ast.BinOp):  # X | None
        return _inner(kind.left)
    if isinstance(kind, ast.Subscript) and isinstance(kind.value, ast.Name):
        if kind.value.id == "Optional":
            return _inner(kind.slice)
        return kind.slice, kind.value.id
    return kind, ""


def _both(names: tuple[str, ...], said: Mapping[str, ast.expr]) -> tuple[str, ...]:
    """With what says no, if there is such a flag."""
    if not _action(said).startswith("BooleanOptional"):
        return names
    return (*names, *("--no-" + name.removeprefix("--") for name in names))


def _action(said: Mapping[str, ast.expr]) -> str:
    """Its name, be it argparse's own or a class of the program."""
    action = said.get("action")
    if isinstance(action, ast.Attribute):
        return action.attr
    return action.id if isinstance(action, ast.Name) else _text(action)


def _takes(said: Mapping[str, ast.expr]) -> str:
    action = _action(said)
    if action in _WITHOUT_VALUE or action.endswith(_WITHOUT_VALUE_TOO):
        return NONE
    given = said.get("nargs")
    if isinstance(given, ast.Constant) and given.value is not None:
        return str(given.value)
    return ONE


def _kind(told: ast.expr | None) -> str:
    return told.id if isinstance(told, ast.Name) and told.id in _PLAIN else "str"


def _choices(told: ast.expr | None) -> tuple[str, ...]:
    """Empty when they are worked out as it runs."""
    elements = told.elts if isinstance(told, ast.List | ast.Tuple | ast.Set) else []
    words = tuple(str(one.value) for one in elements if isinstance(one, ast.Constant))
    return words if len(words) == len(elements) else ()


def _keywords(call: ast.Call) -> Mapping[str, ast.expr]:
    """Those for a class that is the action, too."""
    said = {one.arg: one.value for one in call.keywords if one.arg is not None}
    more = said.get("action_kwargs")
    if isinstance(more, ast.Dict):
        said |= {_text(key): value for key, value in zip(more.keys, more.values, strict=True)}
    return said


def _is_true(told: ast.expr | None) -> bool:
    return isinstance(told, ast.Constant) and told.value is True


def _text(told: ast.expr | None) -> str:
    return told.value if isinstance(told, ast.Constant) and isinstance(told.value, str) else ""
