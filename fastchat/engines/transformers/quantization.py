"""Which quantization a model is loaded with: what was asked for, or what its config says."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastchat.core.errors import ConfigError
from fastchat.engines.transformers.options import Options

_GPTQ_KEYS = ("wbits", "groupsize")
_NEEDS = {
    "gptq": (("gptqmodel", "optimum"), "pip install 'fschat[gptq]'"),
    "awq": (("gptqmodel",), "pip install 'fschat[gptq]'"),
    "bitsandbytes": (("bitsandbytes",), "pip install 'fschat[model_worker]'"),
}


def quantization(options: Options, config: Any, device: str) -> Any:
    """A quantization config for transformers; None leaves it to the checkpoint. Raises
    `ConfigError`."""
    stored = _method(getattr(config, "quantization_config", None))
    asked = _asked(options)
    if len(asked) > 1:
        raise ConfigError(f"{' and '.join(asked)} exclude each other: give one of them")
    if asked and stored and stored not in asked[0]:
        raise ConfigError(f"{asked[0]}: the checkpoint is quantized by {stored} already")
    if options.cpu_offloading and not options.load_8bit:
        raise ConfigError("--cpu-offloading is for --load-8bit: give both, or none")
    if stored in _NEEDS:
        _check_packages(stored)
    if options.load_8bit or options.load_4bit:
        return _bitsandbytes(options)
    if asked:
        _check_stored(options, config, stored, asked[0])
    return None


def gptq_numbers(options: Options) -> tuple[int, int]:
    """Bits and group size, from the words of --gptq or the flags of 0.2.36."""
    bits, group = options.gptq_wbits, options.gptq_groupsize
    for word in options.gptq:
        key, _, value = word.partition("=")
        if key not in _GPTQ_KEYS or not value.lstrip("-").isdecimal():
            raise ConfigError(f"--gptq {word}: give wbits=4 groupsize=128")
        bits, group = (int(value), group) if key == "wbits" else (bits, int(value))
    return bits, group


def _asked(options: Options) -> Sequence[str]:
    asked = {
        "--load-8bit": options.load_8bit,
        "--load-4bit": options.load_4bit,
        "--gptq": gptq_numbers(options)[0] < 16,
        "--awq-wbits": options.awq_wbits < 16,
    }
    return [flag for flag, wanted in asked.items() if wanted]


def _check_stored(options: Options, config: Any, stored: str, flag: str) -> None:
    """The flags of 0.2.36 describe a checkpoint that today describes itself."""
    if not stored:
        raise ConfigError(
            f"{flag}: the checkpoint says nothing of it in its config.json (quantization_config): "
            "give one that was quantized, or use --load-8bit"
        )
    described = config.quantization_config
    if flag == "--gptq":
        wanted = dict(zip(("bits", "group_size"), gptq_numbers(options), strict=True))
        if options.gptq_act_order and _value(described, "desc_act") is False:
            raise ConfigError("--gptq-act-order: the checkpoint is not in that order")
    else:
        wanted = {"bits": options.awq_wbits, "group_size": options.awq_groupsize}
    for name, number in wanted.items():
        has = _value(described, name)
        if number != -1 and has is not None and int(has) != number:
            raise ConfigError(f"{flag}: the checkpoint has {name} {has}, not {number}")


def weights_folder(options: Options) -> Path | None:
    """Where --gptq-ckpt or --awq-ckpt says that the weights are; None: with the model. What they
    are is read from the config.json beside them. Raises `ConfigError`."""
    for flag, named in (("--gptq-ckpt", options.gptq_ckpt), ("--awq-ckpt", options.awq_ckpt)):
        if named is None:
            continue
        folder = Path(named) if Path(named).is_dir() else Path(named).parent
        if not (folder / "config.json").is_file():
            raise ConfigError(
                f"{flag} {named}: there is no config.json beside it that says how it was "
                "quantized: give a folder with a quantized checkpoint"
            )
        return folder
    return None


def _bitsandbytes(options: Options) -> Any:
    _check_packages("bitsandbytes")
    import torch
    import transformers

    return transformers.BitsAndBytesConfig(
        load_in_8bit=options.load_8bit,
        load_in_4bit=options.load_4bit,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_enable_fp32_cpu_offload=options.cpu_offloading,
    )


def _check_packages(method: str) -> None:
    packages, remedy = _NEEDS[method]
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"{method} weights need {' and '.join(missing)}: {remedy}")


def _method(described: object) -> str:
    return str(_value(described, "quant_method") or "").removeprefix("QuantizationMethod.").lower()


def _value(described: object, name: str) -> Any:
    if isinstance(described, dict):
        return described.get(name)
    return getattr(described, name, None)
