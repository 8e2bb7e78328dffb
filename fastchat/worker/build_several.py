"""From flags to a worker that serves several models."""

import logging
import re
from collections.abc import Mapping

import msgspec

from fastchat.core.config import environment
from fastchat.core.errors import ConfigError
from fastchat.core.generation import Engine
from fastchat.core.values import http_url
from fastchat.engines.loading import load_engine
from fastchat.engines.served import ROWS, Options, create
from fastchat.engines.several import Several, SeveralServed
from fastchat.engines.templated import Templated
from fastchat.model.choice import chosen_template
from fastchat.relay.edge import Service
from fastchat.worker.build import assembled
from fastchat.worker.several_config import HuggingfaceApiWorkerConfig, MultiModelWorkerConfig
from fastchat.worker.template import say_template

logger = logging.getLogger("model_worker")

_VARIABLE = re.compile(r"\$\{(\w+)\}")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One model of the file, as in 0.2.36."""

    model_path: str
    api_base: str
    token: str
    context_length: int
    model_names: str | list[str] | None = None
    conv_template: str | None = None


def build_multi_model(config: MultiModelWorkerConfig, worker_id: str) -> Service:
    slots, engines = config.limit_worker_concurrency, []
    _check_names([name for one in config.each() for name in one.model_names])
    for one in config.each():
        names = one.model_names
        logger.info("Loading the model %s on worker %s ...", ", ".join(names), worker_id)
        engine = load_engine(one, names=names, slots=slots)
        engines.append(engine if config.conv_template else _by_its_family(one.model_path, engine))
    return assembled(config, Several(engines), config.engine, slots=slots, worker_id=worker_id)


def _by_its_family(model_path: str, engine: Engine) -> Engine:
    """With the template that it would have in a worker of its own. Raises `ConfigError`."""
    named = chosen_template(model_path, engine, None)
    say_template(named, engine)
    return engine if named is None else Templated(engine, named)


def build_huggingface(config: HuggingfaceApiWorkerConfig, worker_id: str) -> Service:
    try:
        text = config.model_info_file.read_bytes()
        entries = msgspec.json.decode(text, type=dict[str, Entry])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"--model-info-file {config.model_info_file}: {error}") from None
    if not entries:
        raise ConfigError(f"--model-info-file {config.model_info_file} lists no model")
    found = [_options(name, entry, environment()) for name, entry in entries.items()]
    _check_names([name for options in found for name in options.names])
    engine = SeveralServed([create(options) for options in found])
    slots = config.limit_worker_concurrency
    return assembled(config, engine, "huggingface_api", slots=slots, worker_id=worker_id)


def _options(name: str, entry: Entry, variables: Mapping[str, str]) -> Options:
    """Raises `ConfigError`."""
    if entry.conv_template is not None:
        logger.warning("the model %s: the endpoint renders, not %s", name, entry.conv_template)
    try:
        url = http_url(entry.api_base)
    except ValueError as error:
        raise ConfigError(f"the model {name}: api_base: {error}") from None
    names = [entry.model_names] if isinstance(entry.model_names, str) else entry.model_names
    return Options(
        row=ROWS["openai"],
        names=tuple(names or [name]),
        url=url,
        key=_VARIABLE.sub(lambda found: _variable(found[1], variables), entry.token) or None,
        remote_model=entry.model_path,
        context_length=entry.context_length,
    )


def _variable(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        raise ConfigError(f"token: the environment has no {name}")
    return variables[name]


def _check_names(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"two models have the same name: {', '.join(twice)}")
