"""Vectors from a model that makes text: the hidden states behind its last layer."""

import copy
from typing import Any

from fastchat.engines.transformers.embedding import Embedder
from fastchat.engines.transformers.encoder import Encoder, Limits
from fastchat.engines.transformers.loading import Loaded
from fastchat.engines.transformers.sentences import Recipe
from fastchat.engines.transformers.single import twin


def embedder_inside(loaded: Loaded, limits: Limits) -> Embedder:
    """The mean over all tokens, as 0.2.36 had it. Modules and tokenizer are apart from those that
    the answers use at the same time."""
    model = loaded.model
    encoder = Encoder(
        _inside(twin(model)), copy.deepcopy(loaded.tokenizer), limits, is_causal=loaded.in_pieces
    )
    return Embedder(encoder, Recipe(), model.device)


def _inside(model: Any) -> Any:
    return model.get_encoder() if model.config.is_encoder_decoder else model.base_model
