"""API keys: only their digests are kept anywhere."""

from hashlib import sha256

PREFIX = "sk-"


def digest_of(key: bytes) -> bytes:
    """Of a key of many random bits: there is nothing to guess, so nothing slow is needed."""
    return sha256(key).digest()
