"""`api_endpoints.json`: which models of which providers there are. `${NAME}` in a value stands for
that variable of the environment.
"""

import logging
import re
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from fastchat.core.config import environment
from fastchat.core.errors import ConfigError
from fastchat.core.generation import Feature
from fastchat.providers import PROVIDERS
from fastchat.providers.endpoint import Endpoint, Limits
from fastchat.providers.vendors import VENDORS, Vendor

logger = logging.getLogger(__name__)

_VARIABLE = re.compile(r"\$\{(\w+)\}")


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    model_name: str
    api_type: str
    api_base: str | None = None
    api_key: str | None = None
    anony_only: bool = False
    multimodal: bool | None = None
    system_prompt: str | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    dollars_per_day: float | None = None


# What other versions of FastChat put there; what it says has no meaning here.
_THEIRS = frozenset(
    ["assistant_id", "client_name", "fixed_temperature", "recommended_config", "text-arena",
     "vision-arena"]
)  # fmt: skip


def read_endpoints(path: Path, environ: Mapping[str, str] | None = None) -> tuple[Endpoint, ...]:
    """Raises `ConfigError` naming the entry at fault, and never what its key is."""
    environ = environment() if environ is None else environ
    try:
        text = path.read_bytes()
        entries = msgspec.json.decode(text, type=dict[str, dict[str, object]])
    except OSError as error:
        raise ConfigError(f"--register-api-endpoint-file {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"--register-api-endpoint-file {path}: {error}") from None
    _warn_if_open(path, text)
    return tuple(_endpoint(path, name, entry, environ) for name, entry in entries.items())


def _endpoint(
    path: Path, name: str, fields: Mapping[str, object], environ: Mapping[str, str]
) -> Endpoint:
    where = f"{path}: {name!r}"
    for field in fields.keys() - set(_Entry.__struct_fields__):
        said = "has no effect here" if field in _THEIRS else "is not known"
        logger.warning("%s: %s %s", where, field, said)
    filled = {field: _filled(where, value, environ) for field, value in fields.items()}
    try:
        entry = msgspec.convert(filled, _Entry)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from None
    vendor = _vendor(where, entry)
    if vendor.gone is not None:
        logger.warning("%s: %s", where, vendor.gone)
    return Endpoint(
        name=name,
        model_name=entry.model_name or name,
        api_type=entry.api_type,
        vendor=vendor if entry.multimodal is None else _seeing(vendor, sees=entry.multimodal),
        api_base=_base(where, entry, vendor),
        api_key=_key(where, entry, vendor, environ),
        anony_only=entry.anony_only,
        system_prompt=entry.system_prompt,
        limits=Limits(
            requests_per_minute=entry.requests_per_minute,
            tokens_per_minute=entry.tokens_per_minute,
            dollars_per_day=entry.dollars_per_day,
        ),
    )


def _filled(where: str, value: object, environ: Mapping[str, str]) -> object:
    if not isinstance(value, str):
        return value
    for name in _VARIABLE.findall(value):
        if not environ.get(name):
            raise ConfigError(f"{where}: the environment variable {name} is not set")
    return _VARIABLE.sub(lambda match: environ[match[1]], value)


def _vendor(where: str, entry: _Entry) -> Vendor:
    name = entry.api_type
    if name == "openai" and "azure" in entry.model_name:  # as FastChat had it
        name = "azure"
    vendor = VENDORS.get(name)
    if vendor is not None:
        return vendor
    if name in PROVIDERS:  # an installed one
        return Vendor(provider=name, needs_key=False)
    raise ConfigError(
        f"{where}: unknown api_type {name!r}: choose from {', '.join(sorted(VENDORS))}"
    )


def _seeing(vendor: Vendor, *, sees: bool) -> Vendor:
    """What the file says of one model holds, whatever others of its vendor do."""
    vision: frozenset[Feature] = frozenset(["vision"])
    features = vendor.features | vision if sees else vendor.features - vision
    return replace(vendor, features=features)


def _base(where: str, entry: _Entry, vendor: Vendor) -> str:
    """What an installed provider needs is its own affair; ours speak HTTP."""
    base = entry.api_base or vendor.base or ""
    optional = not base and (vendor.gone is not None or entry.api_type not in VENDORS)
    if not optional and not base.startswith(("http://", "https://")):
        raise ConfigError(f"{where}: api_base is to be the address of the service: https://…")
    return base


def _key(where: str, entry: _Entry, vendor: Vendor, environ: Mapping[str, str]) -> str | None:
    key = (entry.api_key or "").strip() or environ.get(vendor.environment or "", "")
    if key and not (key.isascii() and key.isprintable()):
        raise ConfigError(f"{where}: api_key has characters that no key has")
    if not key and vendor.needs_key:
        raise ConfigError(
            f"{where}: no api_key; write one, or set the environment variable {vendor.environment}"
        )
    return key or None


def _warn_if_open(path: Path, text: bytes) -> None:
    others = stat.S_IRGRP | stat.S_IROTH
    if b'"api_key"' in text and path.stat().st_mode & others:
        literal = re.search(rb'"api_key"\s*:\s*"(?!\$\{)[^"]', text)
        if literal:
            logger.warning(
                "%s holds keys and others can read it: chmod 600, or write ${NAME} for them", path
            )
