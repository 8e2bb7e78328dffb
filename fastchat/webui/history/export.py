"""One conversation as a file: JSON for programs, Markdown for people."""

import json
from collections.abc import Sequence

from fastchat.webui.session import Turn


def as_json(title: str, turns: Sequence[Turn]) -> str:
    """Messages as the API takes them, so that the talk can go on elsewhere."""
    messages: list[dict[str, object]] = []
    for turn in turns:
        messages.append({"role": "user", "content": _content(turn)})
        messages.append({"role": "assistant", "content": turn.answer})
    system = turns[-1].settings.system if turns else ""
    if system.strip():
        messages.insert(0, {"role": "system", "content": system})
    whole = {
        "title": title,
        "models": list(dict.fromkeys(turn.settings.model for turn in turns)),
        "messages": messages,
    }
    return json.dumps(whole, ensure_ascii=False, indent=2)


def as_markdown(title: str, turns: Sequence[Turn]) -> str:
    parts = [f"# {title}"]
    for turn in turns:
        pictures = [f"![]({url})" for url in turn.pictures]
        parts += [f"## {_quoted(turn.question)}", *pictures]
        parts += [f"*{turn.settings.model}*", turn.answer]
    return "\n\n".join(parts) + "\n"


def _content(turn: Turn) -> object:
    if not turn.pictures:
        return turn.question
    seen = [{"type": "image_url", "image_url": {"url": url}} for url in turn.pictures]
    return [*seen, {"type": "text", "text": turn.question}]


def _quoted(question: str) -> str:
    """A heading is one line; the rest of the question stands below it."""
    first, _, rest = question.strip().partition("\n")
    return f"{first}\n\n{rest}" if rest.strip() else first
