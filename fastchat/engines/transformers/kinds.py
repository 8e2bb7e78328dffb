"""What a checkpoint is for: text, vectors, or scores. Encoders are loaded here."""

import logging
import time
from dataclasses import fields
from typing import Any, Literal

from fastchat.core.errors import ConfigError
from fastchat.engines.transformers import checkpoint, loading, sentences
from fastchat.engines.transformers.embedding import Embedder
from fastchat.engines.transformers.encoder import Encoder, Limits
from fastchat.engines.transformers.encoding import EmbeddingEngine, RankingEngine
from fastchat.engines.transformers.options import Options
from fastchat.engines.transformers.ranking import Ranker, activation
from fastchat.engines.transformers.sentences import Recipe
from fastchat.model.context import get_context_length

logger = logging.getLogger(__name__)

Kind = Literal["text", "vectors", "scores"]

# Encoders are often saved without it, and no vector of ours is made of it.
_POOLER = "pooler."

# Padded tokens of one step. A text that is longer than a step is a step of its own.
_CPU_STEP = 512
_GPU_STEP = 16384

_MEANT_FOR_ENCODERS = frozenset(
    [
        "model",
        "names",
        "slots",
        "revision",
        "context_length",
        "threads",
        "device",
        "gpus",
        "dtype",
        "attn_implementation",
        "trust_remote_code",
        "embed_in_truncate",
    ]
)


def encoding_engine(options: Options) -> EmbeddingEngine | RankingEngine | None:
    """None for a checkpoint that makes text. Raises `ConfigError`."""
    import transformers

    began = time.monotonic()
    device = loading.prepared(options)
    hub = loading.hub_words(options)
    source = str(options.model)
    with checkpoint.explained(options):
        if loading.is_adapter(options):
            return None
        config = transformers.AutoConfig.from_pretrained(source, **hub)
        recipe = sentences.recipe(sentences.found_in(source, options.revision))
        kind: Kind = "vectors" if recipe is not None else kind_of(config)
        if kind == "text":
            return None
        _refuse_others(options, kind)
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **hub)
        limits = _limits(options, config, tokenizer, recipe, device)
        auto, spare = transformers.AutoModel, _POOLER
        if kind == "scores":
            auto, spare = transformers.AutoModelForSequenceClassification, ""
        words = {"device_map": {"": device}, "dtype": _dtype(options, config, device)}
        if options.attn_implementation is not None:
            words["attn_implementation"] = options.attn_implementation
        model = checkpoint.weights(auto, source, words | hub, spare).eval()
        encoder = Encoder(model, tokenizer, limits, is_causal=False)
        engine = _engine(options, kind, encoder, recipe, model)
    logger.info("%s", _summary(model, kind, recipe, limits.longest, time.monotonic() - began))
    return engine


def kind_of(config: Any) -> Kind:
    """By the class that the checkpoint was saved from. Raises `ConfigError` for classes that are
    no use here."""
    if "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {}):
        return "text"  # ChatGLM, for one, names the inside of its model
    for name in getattr(config, "architectures", None) or ():
        if name.endswith("ForSequenceClassification"):
            if config.num_labels != 1:
                raise ConfigError(
                    f"{name} sorts texts into {config.num_labels} classes: only cross-encoders, "
                    "which have one score, are served"
                )
            return "scores"
        if name.endswith("ForMaskedLM"):
            return "vectors"
        if name.endswith("Model") and not name.endswith(("LMHeadModel", "DoubleHeadsModel")):
            return "vectors"
    return "text"


def _engine(
    options: Options, kind: Kind, encoder: Encoder, recipe: Recipe | None, model: Any
) -> EmbeddingEngine | RankingEngine:
    if kind == "scores":
        return RankingEngine(options.names, encoder, Ranker(encoder, activation(model.config)))
    embedder = Embedder(encoder, recipe or Recipe(), model.device)
    return EmbeddingEngine(options.names, encoder, embedder)


def _refuse_others(options: Options, kind: Kind) -> None:
    given = [
        f"--{field.name.replace('_', '-')}"
        for field in fields(options)
        if field.name not in _MEANT_FOR_ENCODERS and getattr(options, field.name) != field.default
    ]
    if given:
        raise ConfigError(
            f"{', '.join(given)}: no meaning for a model that makes {kind}: leave it out"
        )


def _limits(
    options: Options, config: Any, tokenizer: Any, recipe: Recipe | None, device: str
) -> Limits:
    """A checkpoint may have more positions than texts may have tokens; its tokenizer knows."""
    known = [get_context_length(config), tokenizer.model_max_length]
    if recipe is not None and recipe.longest is not None:
        known.append(recipe.longest)
    longest = min(known)
    if options.context_length is not None and options.context_length > longest:
        raise ConfigError(
            f"a context of {options.context_length} tokens is more than the {longest} that the "
            "model was made for: ask for less"
        )
    return Limits(
        step=_CPU_STEP if device == "cpu" else _GPU_STEP,
        longest=options.context_length or longest,
        truncate=options.embed_in_truncate,
    )


def _dtype(options: Options, config: Any, device: str) -> Any:
    """Encoders are small: as they were stored, and on a CPU in full."""
    import torch

    if options.dtype is not None:
        return getattr(torch, options.dtype)
    stored = getattr(config, "dtype", None)
    return torch.float32 if device == "cpu" or stored is None else stored


def _summary(model: Any, kind: Kind, recipe: Recipe | None, longest: int, seconds: float) -> str:
    parts = [
        type(model).__name__,
        f"{model.num_parameters() / 1e6:.0f} M parameters",
        f"{str(model.dtype).removeprefix('torch.')} on {model.device}",
        f"texts of up to {longest} tokens",
        kind,
    ]
    if kind == "vectors":
        parts.append(f"pooling {'+'.join((recipe or Recipe()).modes)}")
    return f"loaded in {seconds:.1f} s: " + ", ".join(parts)
