"""How many tokens a model holds: as a checkpoint's configuration says, or an engine."""

from collections.abc import Mapping

from fastchat.core.generation import ContextBound, Engine

# What 0.2.36 assumed of a model that does not say.
UNKNOWN_CONTEXT = 2048

# What model families call it; the first that is there counts.
_NAMES = (
    "max_position_embeddings",
    "max_sequence_length",
    "seq_length",
    "max_seq_len",
    "model_max_length",
)


def get_context_length(config: object) -> int:
    """`config` is what transformers reads from `config.json`."""
    scaling = getattr(config, "rope_scaling", None)
    # Today's configurations name a kind of scaling without a factor, too.
    factor = scaling.get("factor") if isinstance(scaling, Mapping) else None
    lengths = (getattr(config, name, None) for name in _NAMES)
    length = next((length for length in lengths if length is not None), None)
    return UNKNOWN_CONTEXT if length is None else int((factor or 1) * length)


def context_length_of(engine: Engine) -> int:
    return engine.context_length if isinstance(engine, ContextBound) else UNKNOWN_CONTEXT
