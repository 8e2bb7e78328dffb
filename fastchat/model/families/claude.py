"""Claude 1 and 2, by Anthropic."""

from fastchat.model.family import Family

FAMILY = Family(
    name="claude",
    patterns=(
        "=claude-1",
        "=claude-2",
        "=claude-2.0",
        "=claude-2.1",
        "=claude-instant-1",
        "=claude-instant-1.2",
    ),
    template="claude",
    examples=("claude-2.1", "claude-instant-1.2"),
)
