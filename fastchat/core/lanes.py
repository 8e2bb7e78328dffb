"""An engine that answers some requests on a narrower way than the others."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from fastchat.core.generation import GenerationRequest


@dataclass(frozen=True, eq=False, slots=True)
class Lane:
    """`width` of its requests are answered at once; more would hold slots and wait."""

    width: int


@runtime_checkable
class HasLanes(Protocol):
    def lane(self, request: GenerationRequest) -> Lane | None:
        """The same object for each request of a lane; None: as many as there are slots."""
        ...
