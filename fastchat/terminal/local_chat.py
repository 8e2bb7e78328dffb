"""A chat with a model in this very process."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastchat.conversation import conv_templates, register_conv_template
from fastchat.core.config import flag
from fastchat.core.generation import Engine
from fastchat.engines.loading import ModelFlags, load_engine
from fastchat.model.choice import fallback
from fastchat.model.weights import default_model_name
from fastchat.terminal.chat.talking import TalkFlags, partner_for, talk
from fastchat.terminal.progress import Bar

# For a model that brings no template and is unknown by its name.
UNKNOWN_FAMILY = "zero_shot"


@dataclass(frozen=True, kw_only=True)
class CliConfig(TalkFlags, ModelFlags):
    """Chat with a model in the terminal. Neither a controller nor a worker is needed.

    The model is a GGUF file, a Hugging Face checkpoint (a folder, or the id of a model on the hub),
    or a built-in name, which is fetched when it is asked for the first time. Ctrl-C stops an answer
    and keeps what was said; Ctrl-D or an empty message ends the chat; !!help lists what else can be
    typed.

    Examples:

        python3 -m fastchat.serve.cli
        python3 -m fastchat.serve.cli --model-path ~/models/vicuna-7b-v1.5.Q4_K_M.gguf --style rich
        python3 -m fastchat.serve.cli --conv-system-msg 'Answer in one sentence.' --temperature 0
        echo 'Which city is the capital of France?' | python3 -m fastchat.serve.cli
    """

    conv_template: str | None = flag(
        None, help="prompt template by name, instead of the model's own", metavar="NAME"
    )
    judge_sent_end: bool = flag(False, help="do not let an answer end within a sentence")


async def chat(config: CliConfig, engine: Engine) -> None:
    """The engine is closed at the end. Raises `ConfigError`."""
    try:
        template = config.conv_template or _template(config, engine)
        await talk(partner_for(engine, config, template=template), config)
    finally:
        await engine.aclose()


def load(config: CliConfig) -> Engine:
    """Blocks until the model is loaded. Raises `ConfigError`."""
    with _told(config.model_path), Bar(sys.stderr, config.model_path) as bar:
        return load_engine(
            config,
            names=[default_model_name(config.model_path)],
            slots=1,
            further=["judge_sent_end"],
            progress=bar.update,
        )


@contextmanager
def _told(model: str) -> Iterator[None]:
    """In a terminal, what engines log while they load is shown: sizes, device, attention."""
    if not sys.stderr.isatty():
        yield
        return
    sys.stderr.write(f"Loading {model}; Ctrl-C ends it.\n")
    engines, shown = logging.getLogger("fastchat.engines"), logging.StreamHandler(sys.stderr)
    level = engines.level
    engines.setLevel(logging.INFO)
    engines.addHandler(shown)
    try:
        yield
    finally:
        engines.removeHandler(shown)
        engines.setLevel(level)


def _template(config: CliConfig, engine: Engine) -> str | None:
    """None for the model's own."""
    has_own = "chat" in engine.features
    template = fallback(config.model_path, has_own=has_own)
    if template is None:
        return None if has_own else UNKNOWN_FAMILY
    if template.name not in conv_templates:  # an adapter made it
        register_conv_template(template)
    return template.name
