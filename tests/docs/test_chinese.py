"""The Chinese README says what the English one says, in the same places."""

import re

import pytest

from tests.docs.blocks import ROOT

ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")

ALIKE = {
    "blocks": r"^(?:<!-- .* -->\n)?```\w*\n(?:.*\n)*?```$",
    "headings": r"^#+(?= )",
    "links": r"\]\((?!README)([^)]+)\)",
    "code": r"`[^`\n]*[a-z]{3}[^`\n]*`",
    "table rows": r"^(?=\|)",
    "addresses": r"https?://[\w.:/-]+",
}


@pytest.mark.parametrize("what", ALIKE)
def test_the_twins_have_the_same(what: str) -> None:
    expression = re.compile(ALIKE[what], re.MULTILINE)
    found = expression.findall(ENGLISH)
    assert found
    assert expression.findall(CHINESE) == found


def test_the_twins_lead_to_each_other() -> None:
    assert "(README.zh-CN.md)" in ENGLISH
    assert "(README.md)" in CHINESE


def test_the_chinese_one_is_chinese() -> None:
    prose = re.sub(r"```.*?```|`[^`]*`", "", CHINESE, flags=re.DOTALL)
    assert len(re.findall("[\u4e00-\u9fff]", prose)) > 300
