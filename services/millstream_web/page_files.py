"""The files of the page, as ``page/`` was built into ``static/``."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).with_name("static")
# Their names hold the digest of their content.
FOR_EVER = "public, max-age=31536000, immutable"


class PageFiles:
    """Every path that is none of the API's is the page's own: it shows what the path says."""

    def routes(self) -> list[BaseRoute]:
        return [
            Mount("/assets", _Assets(directory=STATIC / "assets", check_dir=False)),
            Route("/api/{rest:path}", _unknown),
            Route("/{rest:path}", _page),
        ]


class _Assets(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FOR_EVER
        return response


async def _unknown(request: Request) -> Response:
    return PlainTextResponse("There is nothing here.\n", status_code=404)


async def _page(request: Request) -> Response:
    name = request.path_params["rest"]
    file = STATIC / name
    if "/" not in name and name and file.suffix in (".svg", ".png", ".ico") and file.is_file():
        return FileResponse(file)
    return FileResponse(STATIC / "index.html", media_type="text/html")
