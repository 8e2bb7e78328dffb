"""What is read of a checkpoint is whole, or one sentence says what is wrong with it."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from fastchat.core.errors import ConfigError
from fastchat.engines.transformers.options import Options

logger = logging.getLogger(__name__)

_GENERATION = "generation_config.json"
_NAMED = 3


def weights(auto: Any, source: str, words: Mapping[str, Any], spare: str = "") -> Any:
    """A model of the class `auto`. Raises `ConfigError` where transformers would invent numbers for
    weights that are not there; those with `spare` in their name are not used here."""
    model, found = auto.from_pretrained(source, output_loading_info=True, **words)
    missing = sorted(key for key in found["missing_keys"] if not spare or spare not in key)
    if missing:
        named = ", ".join(missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise ConfigError(
            f"{source} is not loaded: its files lack {len(missing)} of the weights of "
            f"{type(model).__name__} ({named}{more}): get the checkpoint again, and whole"
        )
    return model


def check_generation_config(source: str) -> None:
    """transformers takes a broken one for none, and the ends of answers stand in it."""
    file = Path(source) / _GENERATION
    if not file.is_file():
        return
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{file} is no JSON ({error}): get it again, or remove it") from error


def check_chat_template(source: str, tokenizer: Any) -> None:
    """One that cannot be read would be found, and blamed on whoever asks, at the first chat."""
    import jinja2

    found = getattr(tokenizer, "chat_template", None) or {}
    for template in [found] if isinstance(found, str) else found.values():
        try:
            tokenizer.apply_chat_template(
                [{"role": "user", "content": "Hello"}], chat_template=template, tokenize=False
            )
        except jinja2.TemplateSyntaxError as error:
            raise ConfigError(
                f"the chat template of {source} cannot be read: line {error.lineno}: "
                f"{error.message}: mend it, or remove it"
            ) from error
        except Exception:  # a template may refuse what it likes
            logger.debug("the chat template wants other messages", exc_info=True)


@contextmanager
def explained(options: Options) -> Iterator[None]:
    """What the libraries raise, as one sentence."""
    try:
        yield
    except ConfigError:
        raise
    except UnpicklingError as error:
        # PyTorch advises to run what is in it.
        raise ConfigError(
            f"{options.model} is not loaded: its weights are a pickle that is broken, or holds "
            "more than numbers: ask for a checkpoint in safetensors"
        ) from error
    except (ImportError, RuntimeError) as error:
        raise ConfigError(f"{options.model} could not be loaded: {_reason(error)}") from error
    except (OSError, ValueError, KeyError) as error:
        reason = _reason(error).rstrip(".")
        remedy = "give a folder with a checkpoint, or the id of a model that the hub has"
        if "trust_remote_code" in reason:
            remedy = "it brings code of its own: --trust-remote-code runs it, if you trust it"
        raise ConfigError(f"{options.model} cannot be loaded: {reason}: {remedy}") from error
    except Exception as error:  # the libraries compute with what a stranger wrote
        damaged = _damaged(Path(str(options.model)))
        what = f"{damaged[0]} is damaged" if damaged else f"{options.model} cannot be loaded"
        raise ConfigError(
            f"{what}: {type(error).__name__}: {_reason(error)}: get the checkpoint again"
        ) from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())


def _damaged(folder: Path) -> list[Path]:
    from safetensors import SafetensorError, safe_open

    found = []
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="pt"):
                pass
        except SafetensorError:
            found.append(file)
    return found
