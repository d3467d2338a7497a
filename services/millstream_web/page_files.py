"""The files of the page, as ``page/`` was built into ``static/``."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

STATIC = Path(__file__).with_name("static")
ASSETS = "assets/"
# The names of assets hold the digest of their content.
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
NOT_BUILT = (
    "The page is not built. Build it with `make page`, or in services/millstream_web/page with\n"
    "`npm ci && npm run build`. The API is at /api/v1 all the same.\n"
)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}
_COMPRESSED_BY_NATURE = (".png", ".woff2", ".ico")
# Less does not pay for its header.
WORTH_COMPRESSING = 512
_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)


class File(NamedTuple):
    """A file as it is sent. ``packed``: the same with gzip, if that is smaller."""

    media_type: str
    data: bytes
    packed: bytes | None


class PageFiles:
    """Every path that is none of the API's is the page's own: it shows what the path says."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder
        # By name, with what tells a newer build: time and size.
        self._known: dict[str, tuple[tuple[int, int], File]] = {}

    def routes(self) -> list[BaseRoute]:
        return [Route("/{rest:path}", self._answer, methods=["GET", "HEAD"])]

    async def _answer(self, request: Request) -> Response:
        name: str = request.path_params["rest"]
        file = await asyncio.to_thread(self._find, name)
        if file is not None and name != "index.html":
            return _response(request, file, FOR_EVER if name.startswith(ASSETS) else ASK_AGAIN)
        if name.startswith(ASSETS):
            # Of an older build: the page that asks for it loads itself anew.
            return PlainTextResponse("There is no such file.\n", status_code=404)
        index = await asyncio.to_thread(self._find, "index.html")
        if index is None:
            return PlainTextResponse(NOT_BUILT, status_code=503)
        return _response(request, index, "no-store")

    def _find(self, name: str) -> File | None:
        """A file of the folder, and of nowhere else."""
        path = self._folder / name
        if not _NAME.fullmatch(name) or path.suffix not in _TYPES:
            return None
        try:
            if not path.resolve(strict=True).is_relative_to(self._folder.resolve()):
                return None
            stat = path.stat()
            version = (stat.st_mtime_ns, stat.st_size)
            known = self._known.get(name)
            if known is None or known[0] != version:
                known = self._known[name] = (version, _read(path))
        except OSError:
            return None
        return known[1]


def _read(path: Path) -> File:
    data = path.read_bytes()
    packed = None
    if len(data) >= WORTH_COMPRESSING and path.suffix not in _COMPRESSED_BY_NATURE:
        packed = gzip.compress(data, mtime=0)
    return File(_TYPES[path.suffix], data, packed)


def _response(request: Request, file: File, keep: str) -> Response:
    headers = {"Cache-Control": keep}
    data = file.data
    if file.packed is not None:
        headers["Vary"] = "Accept-Encoding"
        if takes_gzip(request.headers.get("accept-encoding", "")):
            headers["Content-Encoding"] = "gzip"
            data = file.packed
    response = Response(data, media_type=file.media_type, headers=headers)
    if request.method == "HEAD":
        response.body = b""
    return response


def takes_gzip(accepted: str) -> bool:
    """What an Accept-Encoding header says of gzip; ``q=0`` is a no."""
    for part in accepted.split(","):
        coding, _, weight = part.partition(";")
        if coding.strip().lower() in ("gzip", "*"):
            return weight.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
