from collections.abc import Iterator

import pytest

from tests.ops.stage import Stage, staged
from tests.running import ask

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A platform that is scraped every second and has answered some requests. The worker of the
    model `doomed` may be done harm."""
    with staged(tmp_path_factory.mktemp("stage")) as running:
        for model in ("m", "n", "m"):
            body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
            ask(running.api + CHAT, body)
        ask(running.api + CHAT, {"model": "nobody has it", "messages": []})
        yield running
