"""Every command line that a row makes, read by the flags that its engine's own package declares."""

import argparse
import ast
import inspect
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from fastchat.core.config import parse
from fastchat.core.config import parser as command_line
from fastchat.core.errors import ConfigError
from fastchat.engines.served import ROWS, Options
from fastchat.engines.served.command import command
from fastchat.worker.build_served import options
from fastchat.worker.served_config import SERVED, ServedWorkerConfig
from tests.contract.test_engines import TOLD
from tools.engine_flags import Flag, declared, fields, of_parser, read

CONFIGS = {config.engine: config for config in SERVED}
every_engine = pytest.mark.parametrize("name", [name for name in TOLD if ROWS[name].program])


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def parser(name: str) -> Parser:
    """As the engine's own, as far as words go."""
    made = Parser(prog=name, add_help=False)
    for told in TOLD[name]["flags"]:
        _add(made, read(told))
    return made


def _add(made: Parser, flag: Flag) -> None:
    if flag.takes == "0":
        made.add_argument(*flag.names, action="store_true", dest=flag.names[0])
        return
    kind = {"int": int, "float": float, "str": str}[flag.kind]
    words: dict[str, Any] = {"type": kind, "choices": [kind(one) for one in flag.choices] or None}
    if flag.takes != "1":
        words["nargs"] = int(flag.takes) if flag.takes.isdecimal() else flag.takes
    if flag.names[0].startswith("-"):
        words |= {"dest": flag.names[0], "required": flag.required}
    made.add_argument(*flag.names, **words)


def understood(name: str, given: Options) -> dict[str, Any]:
    """What the engine makes of the command line for `given`."""
    words = command(given, 1234, "secret").argv[1 + len(ROWS[name].program) :]
    return vars(parser(name).parse_args(words))


def called(name: str, flag: str) -> str:
    """What a value is kept by: the first of that flag's names."""
    found = [told["names"] for told in TOLD[name]["flags"] if flag in told["names"]]
    return str(found[0][0])


@every_engine
def test_an_engine_understands_whatever_we_can_tell_it(name: str) -> None:
    row = ROWS[name]
    flags = row.flags
    given = Options(
        row=row,
        names=("a", "b"),
        model="/m",
        num_gpus=1 if flags.num_gpus is None else 2,
        trust_remote_code=True,
        context_length=None if flags.context_length is None else 4096,
        arguments=(str(flags.slots), "32", *row.renamed),
    )
    wanted: dict[str | None, object] = {
        flags.host: "127.0.0.1",
        flags.port: 1234,
        flags.model or "model_path": "/m",
        flags.names: ["a", "b"] if row.takes_several_names else "a",
        flags.num_gpus: 2,
        flags.trust_remote_code: True,
        flags.context_length: 4096,
        flags.prompt_length: 4095,
        flags.slots: 32,
    }
    wanted |= dict.fromkeys([*row.always, *row.renamed.values()], True)
    told = understood(name, given)
    for flag, value in wanted.items():
        assert flag is None or str(told[called(name, flag)]) == str(value), flag


@every_engine
def test_an_engine_understands_the_examples_of_its_worker(name: str) -> None:
    lines = examples(CONFIGS[name])
    assert lines
    for line in lines:
        _, _, _, *argv = shlex.split(line)
        given = options(parse(CONFIGS[name], argv, environ={}))
        assert understood(name, replace(given, python=None))


@every_engine
def test_what_the_worker_decides_cannot_be_told_by_another_name(name: str) -> None:
    flags = ROWS[name].flags
    ours = {flags.host, flags.port, flags.model, flags.names}
    keys = {"--api-key", "--api-keys"}
    for told in TOLD[name]["flags"]:
        for alias in told["names"] if (ours | keys) & set(told["names"]) else ():
            given = Options(row=ROWS[name], names=("a",), model="/m", arguments=(alias, "x"))
            with pytest.raises(ConfigError, match="is not for the engine"):
                command(given, 1, "")


# Of the flags that both have, the worker's are meant; what it decides it tells the engine itself.
THE_WORKERS = {
    *("--host", "--port", "--ssl", "--ssl-certfile", "--ssl-keyfile", "--stream-interval"),
    *("--model-path", "--context-length", "--trust-remote-code", "--trust_remote_code"),
}


@every_engine
def test_a_worker_takes_no_flag_that_is_meant_for_the_engine(name: str) -> None:
    theirs = {alias for told in TOLD[name]["flags"] for alias in told["names"]}
    words = [action.option_strings for action in command_line(CONFIGS[name])._actions]
    assert {word for one in words for word in one} & theirs <= THE_WORKERS


@pytest.mark.parametrize("name", ["vllm", "sglang", "lightllm", "lmdeploy"])
@pytest.mark.parametrize("trust", ["--trust-remote-code", "--trust_remote_code"])
def test_the_command_line_of_the_guide(name: str, trust: str, tmp_path: Path) -> None:
    guide = (
        "--model-path lmsys/vicuna-7b-v1.5 --controller http://localhost:21001 "
        f"--worker http://localhost:31000 --port 31000 {trust} --engine-venv {tmp_path}"
    )
    config = parse(CONFIGS[name], [*guide.split(), "--worker-cls", "x"], environ={})
    assert (config.address, config.port) == ("http://localhost:31000", 31000)
    assert config.controller_address == "http://localhost:21001"
    assert (config.trust_remote_code, config.engine_python) == (True, tmp_path)
    assert config.engine_arguments == ("--worker-cls", "x")


@every_engine
def test_a_flag_that_an_engine_does_not_have_would_be_seen(name: str) -> None:
    given = Options(row=ROWS[name], names=("a",), model="/m", arguments=("--no-such-flag", "x"))
    with pytest.raises(ValueError, match="--no-such-flag"):
        understood(name, given)


def test_flags_are_read_from_calls_and_from_fields() -> None:
    calls = """
parser.add_argument("model")
group.add_argument("-n", "--num", type=int, nargs="+", choices=[1, 2])
parser.add_argument("--on", action="store_true")
"""
    assert list(declared(ast.parse(calls))) == [
        Flag(("model",), "1", required=True),
        Flag(("-n", "--num"), "+", "int", ("1", "2")),
        Flag(("--on",), "0"),
    ]
    record = """
class Parallel:
    tp_size: A[int, Arg(help="...", aliases=["--tensor-parallel-size"])] = 1
    model_path: A[str, "..."]
    ids: A[Optional[list[int]], "..."] = None
    on: A[bool, "..."] = False
    either: A[bool, Arg(action=argparse.BooleanOptionalAction)] = False
    paths: A[str, Arg(action=Paths, action_kwargs={"nargs": "*"})] = ""
    kind: A[Literal["x", "y"], Arg(help="...")] = "x"
    inner: A[int, Arg(no_cli=True)] = 1
    no_flag: int = 1
"""
    assert list(fields(ast.parse(record))) == [
        Flag(("--tp-size", "--tensor-parallel-size"), "1", "int"),
        Flag(("--model-path",), "1", required=True),
        Flag(("--ids",), "+", "int"),
        Flag(("--on",), "0"),
        Flag(("--either", "--no-either"), "0"),
        Flag(("--paths",), "*"),
        Flag(("--kind",), "1", choices=("x", "y")),
    ]


@every_engine
def test_flags_are_the_same_when_they_were_parsed(name: str) -> None:
    """So that what is read from source and what a real parser tells are of one kind."""
    told = {flag.names: flag for flag in map(read, TOLD[name]["flags"])}
    assert {flag.names: flag for flag in of_parser(parser(name))} == told


def examples(config: type[ServedWorkerConfig]) -> list[str]:
    """The command lines of its help for an engine that it starts."""
    text = (inspect.getdoc(config) or "").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line.startswith("python3 -m ") and "--engine-url" not in line]
