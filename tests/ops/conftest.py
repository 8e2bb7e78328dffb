from collections.abc import Iterator

import pytest

from tests.ops.stage import FAR, Stage, staged
from tests.running import ask

CHAT, VOTE = "/v1/chat/completions", "/v1/arena/vote"


def asked(model: str) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A platform that is scraped every second and has answered some requests. The worker of the
    model `doomed` may be done harm."""
    with staged(tmp_path_factory.mktemp("stage")) as running:
        for model in ("m", "n", "m", FAR):
            ask(running.api + CHAT, asked(model))
        _, battle = ask(running.api + CHAT, asked("arena"))
        ask(running.api + VOTE, {"battle": battle["id"], "winner": "tie"})
        ask(running.api + CHAT, {"model": "nobody has it", "messages": []})
        yield running
