"""LongChat's condensed rotary positions: checkpoints say a ratio that transformers overlooks."""

from typing import Any

_RATIO = "rope_condense_ratio"


def condense(config: Any) -> bool:
    """Whether the configuration had to be changed: positions are divided by the ratio, which is
    what linear scaling does. Without it they are none that the model was trained with."""
    ratio = getattr(config, _RATIO, None)
    rope = dict(getattr(config, "rope_parameters", None) or {})
    if not ratio or ratio == 1 or rope.get("rope_type", "default") != "default":
        return False
    config.rope_parameters = rope | {"rope_type": "linear", "factor": float(ratio)}
    return True
