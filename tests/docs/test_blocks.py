"""What counts as a block, and what keeps one from being run."""

import pytest

from tests.docs.blocks import Block, blocks


def test_a_block_is_found_with_its_line_and_language() -> None:
    text = "# Title\n\nText.\n\n```bash\ncurl x\n```\n\n```python\nprint()\n```\n"
    assert list(blocks(text, "page.md")) == [
        Block(page="page.md", line=5, language="bash", code="curl x\n"),
        Block(page="page.md", line=9, language="python", code="print()\n"),
    ]


def test_an_indented_block_is_read_without_its_indent() -> None:
    (block,) = blocks("1. Do:\n\n   ```sh\n   if x; then\n     y\n   fi\n   ```\n", "page.md")
    assert block.code == "if x; then\n  y\nfi\n"


def test_other_languages_are_not_code_to_run() -> None:
    assert list(blocks("```toml\na = 1\n```\n\n```\nplain\n```\n", "page.md")) == []


def test_a_comment_directly_above_says_why_a_block_is_not_run() -> None:
    text = "<!-- not run: needs two cards -->\n```bash\nx\n```\n\n```bash\ny\n```\n"
    assert [block.not_run for block in blocks(text, "page.md")] == ["needs two cards", None]


@pytest.mark.parametrize("note", ["not run", "not run:", "not run: "])
def test_not_run_without_a_reason_is_refused(note: str) -> None:
    with pytest.raises(ValueError, match="write the reason"):
        list(blocks(f"<!-- {note} -->\n```bash\nx\n```\n", "page.md"))


def test_a_comment_asks_for_the_client_of_the_guide() -> None:
    (block,) = blocks("<!-- openai 0.28 -->\n```python\nimport openai\n```\n", "page.md")
    assert block.openai028


def test_a_comment_names_the_test_that_runs_a_block() -> None:
    text = "<!-- run by tests/install/test_x.py -->\n```bash\nmake x\n```\n"
    (block,) = blocks(text, "page.md")
    assert (block.run_by, block.not_run) == ("tests/install/test_x.py", None)
