"""What may be written into a log of what a user said."""

import re

MOST_CHARACTERS = 2000

_SECRETS = (
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "[e-mail]"),
    (re.compile(r"(?i)\b(?:bearer\s+|sk-|hf_|ghp_|xox[abp]-)[\w.-]{8,}"), "[key]"),
    (re.compile(r"(?i)\b(password|secret|token|api[_-]?key)\b(\s*[:=]\s*)\S+"), r"\1\2[secret]"),
    (re.compile(r"(?<!\d)\+?\d(?:[ -]?\d){8,18}(?!\d)"), "[number]"),
)


def redacted(text: str, most: int = MOST_CHARACTERS) -> str:
    """Without what looks like an address, a key, a password, a telephone or card number; and no
    longer than `most` characters."""
    # A little more, so that a secret is not cut in two where the text ends.
    short = text[: most + 200]
    for pattern, instead in _SECRETS:
        short = pattern.sub(instead, short)
    left = len(text) - most
    return short if left <= 0 else f"{short[:most]}… ({left} characters more)"
