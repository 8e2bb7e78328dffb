"""One model of one provider, as an entry of `api_endpoints.json` describes it."""

from dataclasses import dataclass, field

from fastchat.providers.vendors import Vendor


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What may be asked of the provider; None: as much as it lets us."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    dollars_per_day: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """`name` is what our clients say, `model_name` what the provider calls it. `anony_only`: shown
    in anonymous battles only."""

    name: str
    model_name: str
    api_type: str
    vendor: Vendor
    api_base: str
    api_key: str | None = field(default=None, repr=False)
    anony_only: bool = False
    system_prompt: str | None = None
    limits: Limits = Limits()

    @property
    def sees(self) -> bool:
        return "vision" in self.vendor.features
