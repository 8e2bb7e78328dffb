"""Which template makes the prompts of a model: what was asked for, what a user's adapter says, the
family's where that is sure to be right, the model's own; never the example turns of a stranger."""

from fastchat.conversation import Conversation, get_conv_template
from fastchat.core.errors import ConfigError
from fastchat.core.generation import Engine
from fastchat.model.families import find_family
from fastchat.model.model_adapter import BaseModelAdapter, FamilyAdapter, get_model_adapter
from fastchat.model.template import NamedTemplate


def chosen_template(model_path: str, engine: Engine, asked_for: str | None) -> NamedTemplate | None:
    """None: the model's own, or none at all. Raises `ConfigError`."""
    if asked_for is not None:
        return NamedTemplate.load(asked_for, engine)
    template = fallback(model_path, has_own="chat" in engine.features)
    return None if template is None else NamedTemplate.of(template, engine)


def fallback(model_path: str, *, has_own: bool) -> Conversation | None:
    """A template that is used without being asked for. Raises `ConfigError` for one with example
    turns that belong to no family: 400 tokens of somebody else's dialogue before every chat."""
    adapter = get_model_adapter(model_path)
    if not isinstance(adapter, FamilyAdapter) and type(adapter) is not BaseModelAdapter:
        return _of_adapter(adapter, model_path, has_own=has_own)
    family = find_family(model_path)
    if family is None or family.template is None or (has_own and not family.beats_own):
        return None
    return get_conv_template(family.template)


def _of_adapter(
    adapter: BaseModelAdapter, model_path: str, *, has_own: bool
) -> Conversation | None:
    says = type(adapter).get_default_conv_template is not BaseModelAdapter.get_default_conv_template
    if not says and has_own:
        return None
    template = adapter.get_default_conv_template(model_path)
    if template.offset and not says:
        raise ConfigError(
            f"the adapter {type(adapter).__name__} names no template, and the default of adapters, "
            f"{template.name}, begins every chat with example turns of another one: let it have "
            "get_default_conv_template, or name a template with --conv-template "
            f"(--conv-template {template.name} takes this one)"
        )
    return template
