"""instructor: a typed answer through a tool that must be called. It has no loop of its own."""

from importlib.metadata import version

import instructor
import openai
from pydantic import BaseModel

from tests.conformance.talk import Told, base_url, model, tell


class City(BaseModel):
    name: str
    degrees: int


plain = openai.OpenAI(base_url=f"{base_url()}/v1", api_key="none", max_retries=0, timeout=300)
client = instructor.from_openai(plain, mode=instructor.Mode.TOOLS)
found = client.chat.completions.create(
    model=model(),
    response_model=City,
    max_retries=0,
    temperature=0,
    max_tokens=200,
    messages=[{"role": "user", "content": "It is 17 degrees in Paris."}],
)
tell(
    Told(
        version=version("instructor"),
        text=found.model_dump_json(),
        tool="City",
    )
)
