"""Completion of commands and flags for shells, written from the flags themselves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fastchat.core.config import flag, parser


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """`names` is empty for a word that belongs to no flag."""

    names: tuple[str, ...]
    help: str
    takes_value: bool
    choices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    summary: str
    flags: Sequence[Flag]


Commands = Mapping[str, Command]


def flags_of(config: type) -> list[Flag]:
    """The flags of a process. The environment is left out: it says nothing about spelling."""
    return [
        Flag(
            names=tuple(action.option_strings),
            help=(action.help or "").partition(" (")[0].replace("%%", "%"),
            takes_value=action.nargs != 0,
            choices=tuple(str(choice) for choice in action.choices or ()),
        )
        for action in parser(config, environ={})._actions
    ]


def bash(commands: Commands) -> str:
    """Without a word of ours the shell completes file names."""
    values = []
    for name, command in commands.items():
        for one in (one for one in command.flags if one.names and one.takes_value):
            spelled = "|".join(f'"{name} {flag}"' for flag in one.names)
            values.append(f'        {spelled}) words="{" ".join(one.choices)}" ;;')
    flags = [
        f'            {name}) words="{" ".join(_words(command))}" ;;'
        for name, command in commands.items()
    ]
    return _BASH.format(
        commands=" ".join(commands), values="\n".join(values), flags="\n".join(flags)
    )


def zsh(commands: Commands) -> str:
    listed = [f"        {_quoted(f'{name}:{one.summary}')}" for name, one in commands.items()]
    cases = []
    for name, command in commands.items():
        lines = [f"            {_quoted(spec)}" for spec in _zsh_specs(command)]
        cases.append(f"    {name}) _arguments \\\n" + " \\\n".join(lines) + " ;;")
    return _ZSH.format(commands="\n".join(listed), cases="\n".join(cases))


def fish(commands: Commands) -> str:
    lines = ["complete -c fastchat -n __fish_use_subcommand -f"]
    for name, command in commands.items():
        lines.append(
            f"complete -c fastchat -n __fish_use_subcommand -a {name} -d {_fish(command.summary)}"
        )
        seen = _fish(f"__fish_seen_subcommand_from {name}")
        lines += [f"complete -c fastchat -n {seen} {spec}" for spec in _fish_specs(command)]
    return "\n".join(lines) + "\n"


SHELLS: Mapping[str, Callable[[Commands], str]] = {"bash": bash, "fish": fish, "zsh": zsh}


@dataclass(frozen=True, kw_only=True)
class CompletionConfig:
    """Write a script that completes the commands of fastchat and their flags.

    Examples:

        source <(fastchat completion bash)
        fastchat completion zsh > ~/.zfunc/_fastchat
        fastchat completion fish > ~/.config/fish/completions/fastchat.fish
    """

    shell: str = flag(
        "bash", positional=True, help="which shell", choices=lambda: list(SHELLS), metavar="SHELL"
    )


def _words(command: Command) -> Iterator[str]:
    for one in command.flags:
        yield from one.names or one.choices


def _zsh_specs(command: Command) -> Iterator[str]:
    for one in command.flags:
        values = f"({' '.join(one.choices)})" if one.choices else "_files"
        what = one.help.translate({ord(sign): f"\\{sign}" for sign in "[]:\\"})
        if not one.names:
            yield f"1::{what}:{values}"
        for name in one.names:
            yield f"{name}[{what}]" + (f":value:{values}" if one.takes_value else "")


def _fish_specs(command: Command) -> Iterator[str]:
    for one in command.flags:
        words = f" -a {_fish(' '.join(one.choices))}" if one.choices else ""
        spelled = "".join(
            f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in one.names
        )
        kind = (" -x" if one.choices else " -r") if one.takes_value and one.names else ""
        if spelled or words:
            yield f"{spelled}{kind}{words} -d {_fish(one.help)}".strip()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_BASH = """\
_fastchat() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=
    local command=${{COMP_WORDS[1]//-/_}}
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "{commands}" -- "$word"))
        return
    fi
    case "$command $before" in
{values}
        *) case "$command" in
{flags}
        esac ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _fastchat fastchat
"""

_ZSH = """\
#compdef fastchat
_fastchat() {{
    local -a commands=(
{commands}
    )
    if ((CURRENT == 2)); then
        _describe command commands
        return
    fi
    shift words
    ((CURRENT--))
    case ${{words[1]//-/_}} in
{cases}
    esac
}}
if [[ $funcstack[1] == _fastchat ]]; then _fastchat "$@"; else compdef _fastchat fastchat; fi
"""
