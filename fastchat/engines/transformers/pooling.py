"""The hidden states of a text's tokens as one vector of length 1, as the recipe says."""

from collections.abc import Callable
from typing import Any

from fastchat.engines.transformers.sentences import Dense, Recipe


class Pooling:
    """`states` are of one text, a row a token, without padding."""

    def __init__(self, recipe: Recipe, device: Any) -> None:
        self._modes = recipe.modes
        self._dense = [_layer(dense, device) for dense in recipe.dense]

    def __call__(self, states: Any) -> list[float]:
        import torch

        vector = torch.cat([_MODES[mode](states.float()) for mode in self._modes])
        for layer in self._dense:
            vector = layer(vector)
        vector = torch.nn.functional.normalize(vector, dim=0)
        return [float(number) for number in vector.tolist()]


def _layer(dense: Dense, device: Any) -> Callable[[Any], Any]:
    import torch
    from safetensors.torch import load_file

    weights = {name: one.float() for name, one in load_file(dense.weights, str(device)).items()}
    matrix, bias = weights["linear.weight"], weights.get("linear.bias")
    act = {
        "identity": lambda vector: vector,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "gelu": torch.nn.functional.gelu,
    }[dense.activation]
    return lambda vector: act(torch.nn.functional.linear(vector, matrix, bias))


def _weighted(states: Any) -> Any:
    """Later tokens of a causal model have seen more."""
    import torch

    places = torch.arange(1, len(states) + 1, device=states.device, dtype=states.dtype)
    return (states * places[:, None]).sum(0) / places.sum()


_MODES: dict[str, Callable[[Any], Any]] = {
    "cls": lambda states: states[0],
    "lasttoken": lambda states: states[-1],
    "max": lambda states: states.max(0).values,
    "mean": lambda states: states.mean(0),
    "mean_sqrt_len_tokens": lambda states: states.sum(0) / len(states) ** 0.5,
    "weightedmean": _weighted,
}
