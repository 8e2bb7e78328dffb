"""What one process has used of a provider's quota, as it tells the others through the database."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaUse:
    """Requests and tokens of the last minute, and the money of `day` (days since 1970, UTC). Until
    `held_until` (seconds since 1970) the provider wants to be left alone."""

    requests: int = 0
    tokens: int = 0
    day: int = 0
    microdollars: int = 0
    held_until: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaShare:
    """The use that `process` had made of a model by `told_at` (seconds since 1970)."""

    process: str
    model: str
    told_at: int
    use: QuotaUse
