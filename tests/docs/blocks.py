"""The code blocks of the README and of the pages in `docs/`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LANGUAGES = {"bash": "bash", "sh": "bash", "shell": "bash", "python": "python"}

_BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*) -->\n\n?)?"
    r"^(?P<indent> *)(?P<fence>```+)(?P<language>\w*)[^\n]*\n(?P<code>.*?)^ *(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_NOT_RUN = re.compile(r"not run: (?P<reason>\S.*)")
_RUN_BY = re.compile(r"run by (?P<test>tests/\S+\.py)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """`not_run` is the reason given in a comment directly above, `<!-- not run: reason -->`.

    `<!-- run by tests/….py -->` names the test that runs a block which needs more than a platform.
    `<!-- openai 0.28 -->` there asks for the guide's client instead of today's.
    """

    page: str
    line: int
    language: str
    code: str
    not_run: str | None = None
    run_by: str | None = None
    openai028: bool = False

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages(root: Path = ROOT) -> list[Path]:
    return sorted([*root.glob("README.md"), *root.glob("docs/**/*.md")])


def blocks(text: str, page: str) -> Iterator[Block]:
    for found in _BLOCK.finditer(text):
        note = found["note"] or ""
        reason, test = _NOT_RUN.fullmatch(note), _RUN_BY.fullmatch(note)
        if note.startswith("not run") and reason is None:
            raise ValueError(f"{page}: write the reason into `<!-- {note} -->`")
        if found["language"] in LANGUAGES:
            yield Block(
                page=page,
                line=text.count("\n", 0, found.start("fence")) + 1,
                language=LANGUAGES[found["language"]],
                code=re.sub(rf"^{found['indent']}", "", found["code"], flags=re.MULTILINE),
                not_run=reason and reason["reason"],
                run_by=test and test["test"],
                openai028=note == "openai 0.28",
            )


def documented_blocks() -> list[Block]:
    """Every block, those that say why they are not run as well."""
    return [
        block
        for page in pages()
        for block in blocks(page.read_text(encoding="utf-8"), str(page.relative_to(ROOT)))
    ]
