"""llm: a text turn, a streamed one, and a chain with a tool."""

import os
import tempfile
from importlib.metadata import version
from pathlib import Path

os.environ["LLM_USER_PATH"] = folder = tempfile.mkdtemp()

from tests.conformance.talk import QUESTION, Told, base_url, model, tell, weather

Path(folder, "extra-openai-models.yaml").write_text(
    f"- model_id: ours\n  model_name: {model()}\n  api_base: {base_url()}/v1\n"
    "  supports_tools: true\n  can_stream: true\n"
)

import llm  # noqa: E402

asked = llm.get_model("ours")
asked.key = "none"
called: list[str] = []


def watched(city: str) -> str:
    """The weather of a city now."""
    called.append("weather")
    return weather(city)


watched.__name__ = "weather"
answer = asked.chain(QUESTION, tools=[watched], stream=True, options={"temperature": 0}).text()
tell(
    Told(
        version=version("llm"),
        text=asked.prompt("Say hello.", stream=False, max_tokens=16).text(),
        streamed="".join(asked.prompt("Say hello.", stream=True, max_tokens=16)),
        tool=called[0],
        answer=answer,
    )
)
