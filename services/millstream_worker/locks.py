"""Locks: which version of each package a bundle gets, as uv decided once, for all workers that
share the directory."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path

import msgspec

from millstream_worker.interpreters import Interpreter
from millstream_worker.needs import Needs, hashed_lines
from millstream_worker.sdk_wheels import VERSION, preferred_versions
from millstream_worker.uv import run_uv

MOST_LOCKS = 1000


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """``text``: requirements for uv, one version each; ``hashes``: those of them whose hashes the
    bundle itself names."""

    text: str
    hashes: str = ""

    @property
    def pins(self) -> list[str]:
        """The packages alone: not where they come from, which may hold a password."""
        return [line for line in self.text.splitlines() if not line.startswith("--")]


class Locks:
    """The locks in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def name(self, needs: Needs, bundle: str, interpreter: Interpreter, wheels: Path) -> str:
        """What the lock of a bundle's needs is kept under: bundles that say the same share it."""
        made_of = [needs.kind, needs.text, needs.lock, interpreter.identity, wheels.name]
        if needs.is_local:
            made_of += [bundle, needs.file.name]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:32]

    async def find(self, name: str) -> Lock | None:
        return await asyncio.to_thread(self._find, name)

    async def make(self, name: str, needs: Needs, interpreter: Interpreter, wheels: Path) -> Lock:
        """A new one, unless another worker was faster. Raises ``EnvironmentNotMade``."""
        given = await _exported(needs, interpreter) if needs.lock else ""
        with tempfile.TemporaryDirectory(prefix=".locking-", dir=self._made()) as draft:
            own, out = _draft(Path(draft))
            source = "-" if given else f"./{needs.file.name}"
            words = ["pip", "compile", "--quiet", "--no-header", "--no-annotate"]
            words += ["--generate-hashes", "--python", interpreter.path, "-o", str(out)]
            if needs.is_local or "index-url" in needs.text:
                words += ["--emit-find-links", "--emit-index-url"]
            words += ["--find-links", str(wheels), source, str(own)]
            what = f"Locking {needs.file.name}"
            await run_uv(*words, cwd=needs.file.parent, what=what, stdin=given.encode())
            return await asyncio.to_thread(self._keep, name, out, needs, given, wheels)

    def forget(self, name: str) -> None:
        self._file(name).unlink(missing_ok=True)

    def _find(self, name: str) -> Lock | None:
        try:
            found = msgspec.json.decode(self._file(name).read_bytes(), type=Lock)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        with contextlib.suppress(OSError):
            os.utime(self._file(name))
        return found

    def _keep(self, name: str, out: Path, needs: Needs, given: str, wheels: Path) -> Lock:
        lines = out.read_text().splitlines(keepends=True)
        lock = Lock(
            text="".join(line for line in lines if str(wheels) not in line),
            hashes=hashed_lines(given or (needs.text if needs.kind == "requirements" else "")),
        )
        draft = out.with_suffix(".json")
        draft.write_bytes(msgspec.json.encode(lock))
        while True:
            try:
                os.link(draft, self._file(name))
            except FileExistsError:
                if found := self._find(name):
                    return found
                self.forget(name)  # rubbish
                continue
            break
        kept = sorted(self._directory.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for file in kept[:-MOST_LOCKS]:
            file.unlink(missing_ok=True)
        return lock

    def _made(self) -> Path:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._directory

    def _file(self, name: str) -> Path:
        return self._directory / f"{name}.json"


def _draft(place: Path) -> tuple[Path, Path]:
    """What a child needs itself, and the file for the result, in which uv finds the versions that
    it is to prefer: the worker's."""
    own, out = place / "own.txt", place / "lock.txt"
    own.write_text(f"millstream=={VERSION}\n")
    out.write_text("".join(f"{n}=={version}\n" for n, version in preferred_versions().items()))
    return own, out


async def _exported(needs: Needs, interpreter: Interpreter) -> str:
    """The requirements of a ``uv.lock``, with their hashes."""
    words = ["export", "--quiet", "--locked", "--no-dev", "--no-emit-project", "--no-header"]
    words += ["--no-annotate", "--format", "requirements-txt", "--python", interpreter.path]
    return await run_uv(*words, cwd=needs.file.parent, what="Reading uv.lock")
