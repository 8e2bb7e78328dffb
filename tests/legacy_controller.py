"""A controller of 0.2.36 as its callers see it: no pushed table, no reports, no epochs."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class LegacyController:
    """`workers` leads from a model to the addresses that it names in turn."""

    workers: Mapping[str, deque[str]] = field(default_factory=dict)
    knows_worker: bool = True
    calls: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])

    def asked(self, path: str) -> list[Any]:
        return [body for called, body in self.calls if called == path]

    async def _answer(self, request: Request) -> Response:
        path, raw = request.url.path, await request.body()
        body: Any = await request.json() if raw else None
        self.calls.append((path, body))
        match path:
            case "/list_models":
                return JSONResponse({"models": list(self.workers)})
            case "/get_worker_address":
                addresses = self.workers[body["model"]]
                addresses.rotate()
                return JSONResponse({"address": addresses[0] if addresses else ""})
            case "/receive_heart_beat":
                return JSONResponse({"exist": self.knows_worker})
            case "/register_worker" | "/refresh_all_workers":
                self.knows_worker = True
                return JSONResponse(None)
        return JSONResponse({"detail": "Not Found"}, 404)
