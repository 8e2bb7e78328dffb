"""What `relay.protocol` stands on in uvicorn is not promised: this fails when it moves."""

import ast
import inspect
import textwrap
from importlib.metadata import version

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from fastchat.relay.exchange import Exchange


def names_of(function: object, owner: str) -> set[str]:
    """The attributes of `owner` that the function's source reads or writes."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))  # type: ignore[arg-type]  # a function
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == owner
    }


def test_uvicorn_is_of_the_minor_version_that_was_read() -> None:
    assert version("uvicorn").split(".")[:2] == ["0", "54"], "read relay/protocol.py against it"


@pytest.mark.parametrize("method", ["connection_lost", "shutdown"])
def test_an_exchange_has_all_that_uvicorn_wants_of_a_cycle(method: str) -> None:
    wanted = names_of(getattr(HttpToolsProtocol, method), "self.cycle")
    assert wanted
    assert all(hasattr(Exchange, name) for name in wanted)


@pytest.mark.parametrize(
    "method",
    [
        "connection_made",
        "connection_lost",
        "data_received",
        "on_message_begin",
        "on_url",
        "on_header",
        "on_headers_complete",
        "on_body",
        "on_message_complete",
        "on_response_complete",
        "pause_writing",
        "resume_writing",
        "_start_asgi_task",
    ],
)
def test_uvicorn_has_every_method_that_we_replace(method: str) -> None:
    assert callable(getattr(HttpToolsProtocol, method))


def test_a_cycle_counts_its_body_as_we_rely_on_for_http_1_0() -> None:
    known = names_of(RequestResponseCycle.send, "self")
    assert {"chunked_encoding", "expected_content_length", "keep_alive"} <= known
