"""The files of the page: what is sent, for how long it is kept, and that nothing else is."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from millstream_web.page_files import PageFiles, takes_gzip
from unit.web.asgi import Got, ask

SCRIPT = b"console.log('hello');" * 100


@pytest.fixture
def app(tmp_path: Path) -> Any:
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(b"<!doctype html>the page")
    (folder / "millstream.svg").write_bytes(b"<svg/>")
    (folder / "assets" / "index-a1b2.js").write_bytes(SCRIPT)
    (folder / "assets" / "secret.js").symlink_to(tmp_path / "secret.js")
    (folder / ".hidden.js").write_bytes(b"hidden")
    (folder / "notes.py").write_bytes(b"hidden")
    (tmp_path / "secret.js").write_bytes(b"hidden")
    return Starlette(routes=PageFiles(folder).routes())


def get(app: Any, path: str, *headers: tuple[str, str], method: str = "GET") -> Got:
    return asyncio.run(ask(app, method, path, headers))


def test_an_asset_is_kept_for_ever(app: Any) -> None:
    got = get(app, "/assets/index-a1b2.js")
    assert got.body == SCRIPT
    assert got.header("content-type") == "text/javascript; charset=utf-8"
    assert got.header("cache-control") == "public, max-age=31536000, immutable"
    assert got.header("vary") == "Accept-Encoding"


def test_an_asset_is_sent_compressed(app: Any) -> None:
    got = get(app, "/assets/index-a1b2.js", ("accept-encoding", "gzip, deflate, br"))
    assert got.header("content-encoding") == "gzip"
    assert gzip.decompress(got.body) == SCRIPT
    assert len(got.body) < 200
    assert got.header("content-length") == str(len(got.body))


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [
        ("gzip", True),
        ("br;q=1.0, GZIP;q=0.5", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("x-gzip-not", False),
    ],
)
def test_who_takes_gzip(accepted: str, takes: bool) -> None:
    assert takes_gzip(accepted) is takes


@pytest.mark.parametrize(
    "path", ["/", "/dags", "/dags/a.b/runs/x", "/index.html", "/no.js", "/%2e%2e/x", "/a b"]
)
def test_every_other_path_is_the_page(app: Any, path: str) -> None:
    got = get(app, path)
    assert got.status == 200
    assert got.body == b"<!doctype html>the page"
    assert got.header("cache-control") == "no-store"
    assert got.header("content-type").startswith("text/html")


def test_other_files_are_asked_for_again(app: Any) -> None:
    got = get(app, "/millstream.svg")
    assert got.body == b"<svg/>"
    assert got.header("content-type") == "image/svg+xml"
    assert got.header("cache-control") == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../../secret.js",
        "/assets/..\\..\\secret.js",
        "/../secret.js",
        "//etc/passwd",
        "/assets/secret.js",
        "/.hidden.js",
        "/assets/./../.hidden.js",
        "/notes.py",
        "/assets/\0.js",
        "/assets//etc/passwd.js",
        "/assets/" + "a" * 5000 + ".js",
    ],
)
def test_nothing_else_is_sent(app: Any, path: str) -> None:
    got = get(app, path)
    assert b"hidden" not in got.body
    assert b"root:" not in got.body
    assert got.status == (404 if path.startswith("/assets/") else 200)


def test_head_is_get_without_a_body(app: Any) -> None:
    for path in ("/", "/assets/index-a1b2.js"):
        head, got = get(app, path, method="HEAD"), get(app, path)
        assert head.body == b""
        assert head.status == 200
        assert head.header("content-length") == got.header("content-length")
    assert get(app, "/", method="POST").status == 405


def test_an_asset_that_is_gone_is_not_the_page(app: Any) -> None:
    assert get(app, "/assets/index-old.js").status == 404


def test_a_new_build_is_seen(app: Any, tmp_path: Path) -> None:
    get(app, "/")
    (tmp_path / "static" / "index.html").write_bytes(b"another page")
    assert get(app, "/").body == b"another page"


def test_a_page_that_is_not_built_says_how(tmp_path: Path) -> None:
    app = Starlette(routes=PageFiles(tmp_path / "none").routes())
    got = get(app, "/dags")
    assert got.status == 503
    assert b"make page" in got.body
