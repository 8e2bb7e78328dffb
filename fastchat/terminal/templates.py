"""The prompt that a model reads, and whether a named template makes the same one."""

import difflib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastchat.conversation import Conversation, conv_templates, filled, get_conv_template
from fastchat.core.config import flag
from fastchat.core.errors import ConfigError, InvalidRequest
from fastchat.core.generation import Chat
from fastchat.engines.loading import ModelFlags
from fastchat.model.choice import fallback
from fastchat.model.families import find_family
from fastchat.model.template import SAMPLE, digest
from fastchat.terminal.prompting import Prompting, prompting

OWN = "own"


@dataclass(frozen=True, kw_only=True)
class TemplatesConfig:
    """Show the exact prompt that a sample dialogue becomes for a model, or compare the template of
    its family with the model's own.

    `show` prints the prompt and its hash, which a worker tells as well (/worker_get_status). `lint`
    prints the tokens by which a named template differs from the model's own, and ends with status 1
    when there are any. Weights are not loaded where the tokenizer lies beside them.

    Examples:

        fastchat templates show smollm2-135m-instruct
        fastchat templates show lmsys/vicuna-7b-v1.5
        fastchat templates lint ~/models/qwen --conv-template qwen-7b-chat
    """

    action: str = flag(
        help="show: the prompt; lint: the difference",
        choices=lambda: ["lint", "show"],
        positional=True,
    )
    model: str = flag(
        help="folder, hub id, GGUF file or built-in name", positional=True, metavar="MODEL"
    )
    conv_template: str | None = flag(
        None, help="a template by name, instead of the family's", metavar="NAME"
    )
    adapter: tuple[str, ...] = flag(
        (), help="Python files with adapters for models: they are run", metavar="FILE"
    )
    revision: str = flag("main", help="branch, tag or commit of a model from a hub")
    trust_remote_code: bool = flag(False, help="run code that comes with the model")


async def templates(config: TemplatesConfig) -> bool:
    """Whether there was nothing to complain about. Raises `ConfigError`."""
    flags = ModelFlags(
        model_path=config.model,
        adapter=config.adapter,
        revision=config.revision,
        trust_remote_code=config.trust_remote_code,
    )
    async with prompting(flags) as model:
        lines, is_well = await _ACTIONS[config.action](config, model)
    sys.stdout.write("\n".join([*lines, ""]))
    return is_well


async def _show(config: TemplatesConfig, model: Prompting) -> tuple[list[str], bool]:
    has_own = "chat" in model.features
    named = _named(config) or fallback(config.model, has_own=has_own)
    if named is None and not has_own:
        raise ConfigError(
            f"{config.model} brings no chat template, and its name tells no family: name a "
            "template with --conv-template"
        )
    prompt = await (_own(model) if named is None else _by(named))
    tokens = await model.pieces(prompt, rendered=named is None)
    return [
        *_about(config, model, OWN if named is None else named.name),
        f"hash      {digest(prompt)}",
        f"tokens    {len(tokens)}",
        "",
        prompt,
    ], True


async def _lint(config: TemplatesConfig, model: Prompting) -> tuple[list[str], bool]:
    if "chat" not in model.features:
        raise ConfigError(f"{config.model} brings no chat template: there is nothing to compare")
    named = _named(config) or _of_family(config)
    own_prompt, named_prompt = await _own(model), await _by(named)
    own = await model.pieces(own_prompt, rendered=True)
    other = await model.pieces(named_prompt, rendered=False)
    lines = [
        *_about(config, model, f"{named.name} against {OWN}"),
        f"hash      {digest(named_prompt)} against {digest(own_prompt)}",
        f"tokens    {len(other)} against {len(own)}",
        "",
    ]
    differing = list(_difference(own, other))
    return [*lines, *(differing or ["the same tokens"])], not differing


_ACTIONS = {"show": _show, "lint": _lint}


def _about(config: TemplatesConfig, model: Prompting, template: str) -> list[str]:
    family = find_family(config.model)
    return [
        f"model     {config.model}",
        f"family    {family.name if family else 'unknown by name'}",
        f"template  {template}",
    ]


def _named(config: TemplatesConfig) -> Conversation | None:
    if config.conv_template is None:
        return None
    try:
        return get_conv_template(config.conv_template)
    except KeyError:
        known = ", ".join(sorted(conv_templates))
        raise ConfigError(
            f"unknown --conv-template {config.conv_template!r}: choose from {known}"
        ) from None


def _of_family(config: TemplatesConfig) -> Conversation:
    template = fallback(config.model, has_own=False)
    if template is None:
        raise ConfigError(
            f"{config.model} belongs to no family with a template: name one with --conv-template"
        )
    return template


async def _own(model: Prompting) -> str:
    """Without a system message where the template refuses one."""
    try:
        return await model.render(SAMPLE)
    except InvalidRequest:
        return await model.render(Chat(SAMPLE.messages[1:]))


async def _by(template: Conversation) -> str:
    try:
        return filled(template, SAMPLE.messages).get_prompt()
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _difference(own: Sequence[str], other: Sequence[str]) -> Iterator[str]:
    """Tokens of the model's own template that are missing (-), and those that are too many (+)."""
    matcher = difflib.SequenceMatcher(a=own, b=other, autojunk=False)
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind != "equal":
            yield f"after token {start}:"
            yield from (f"  - {piece!r}" for piece in own[start:end])
            yield from (f"  + {piece!r}" for piece in other[other_start:other_end])
