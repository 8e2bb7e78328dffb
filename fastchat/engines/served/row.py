"""What is to be known of an engine that runs as a server of its own: one value an engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from fastchat.core.generation import Feature

NOTHING: Mapping[str, str] = MappingProxyType({})

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"


@dataclass(frozen=True, kw_only=True, slots=True)
class Gauges:
    """Names of metrics, as Prometheus reads them. `cache` is a share, from 0 to 1."""

    running: str
    waiting: str
    cache: str | None = None
    path: str = "/metrics"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokenizing:
    """The call that counts the tokens of a text: where the text goes in, and the tokens come out.
    `takes_chat`: it counts `messages` as the model's template renders them, too."""

    path: str = "/tokenize"
    text: str = "prompt"
    tokens: str = "tokens"
    takes_chat: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """Where in the answer of `path` the length of the context stands: keys, and places in lists."""

    path: str
    keys: tuple[str | int, ...]


MODEL_CARD = Told("/v1/models", ("data", 0, "max_model_len"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Flags:
    """How the engine spells what we decide; None for what it cannot be told."""

    host: str = "--host"
    port: str = "--port"
    model: str | None = "--model"  # None: it is the first word
    names: str | None = "--served-model-name"
    num_gpus: str | None = "--tensor-parallel-size"
    trust_remote_code: str | None = "--trust-remote-code"
    context_length: str | None = "--max-model-len"
    prompt_length: str | None = None  # where it bounds prompts apart, whatever the context is
    slots: str | None = None
    threads: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """`program` follows the interpreter; an engine without one is only reached by its URL.

    `slots` is what it takes at once unless its arguments say otherwise. `called` is what requests
    must call the model when it cannot be given a name. `renamed` leads from flags that a worker of
    0.2.36 had to what the engine calls them now. `continues`: it goes on with an open turn
    (`continue_final_message`). `reads_gguf`: its model is a GGUF file, and nothing else.
    `distributions` are what may be installed for it.
    """

    name: str
    title: str
    program: tuple[str, ...] = ()
    flags: Flags = Flags()
    takes_several_names: bool = False
    always: tuple[str, ...] = ()
    key_variable: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    called: str | None = None
    renamed: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    health: str = "/health"
    context: Told | None = MODEL_CARD
    gauges: Gauges | None = None
    slots: int = 256
    tokenizing: Tokenizing | None = None
    lacks: frozenset[Feature] = frozenset()
    continues: bool = False
    reads_gguf: bool = False
    paths: frozenset[str] = frozenset([CHAT, COMPLETIONS])
    distributions: tuple[str, ...] = ()
    install: str = ""
