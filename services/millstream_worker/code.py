"""The code of an attempt: the folder of its bundle and the Python that runs it. Neither is removed
while somebody uses it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.settings import Settings
from millstream_worker.bundles import Bundles
from millstream_worker.environments import Environments

MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Code:
    """``python`` "": the worker's own."""

    bundle: str = ""
    folder: str = ""
    environment: str = ""
    python: str = ""


NO_CODE = Code()


class CodeStore:
    """``environments`` None: bundles run in the environment of the worker."""

    def __init__(self, bundles: Bundles, environments: Environments | None) -> None:
        self._bundles = bundles
        self._environments = environments
        self._known: dict[tuple[str, str], Code] = {}

    def at_hand(self, bundle: str, file: str) -> Code | None:
        """What runs a DAG file of a bundle, if nothing has to be fetched or made for that; to be
        given back. None else."""
        if not bundle:
            return NO_CODE
        code = self._known.get((bundle, file))
        if code is None or not self._bundles.has(bundle):
            return None
        if self._environments is not None:
            if not self._environments.has(code.environment):
                return None
            self._environments.take(code.environment)
        self._bundles.take(bundle)
        return code

    async def fetch(self, bundle: str, file: str) -> Code:
        """What runs a DAG file of a bundle, fetched and made if it has to be; to be given back.
        Raises ``MillstreamError``."""
        while True:
            code = self.at_hand(bundle, file)
            if code is not None:
                return code
            folder = await self._bundles.fetch(bundle)
            if not self._bundles.has(bundle):
                continue  # let go of in this moment, to make room
            name = ""
            if self._environments is not None:
                self._bundles.take(bundle)
                try:
                    name = await self._environments.of(bundle, folder, file)
                finally:
                    self._bundles.give_back(bundle)
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            python = self._environments.python(name) if self._environments else ""
            self._known[bundle, file] = Code(bundle, str(folder), name, python)

    def give_back(self, code: Code) -> None:
        """The other end of `at_hand` and `fetch`."""
        self._bundles.give_back(code.bundle)
        if self._environments is not None:
            self._environments.give_back(code.environment)

    def tend(self, now: float) -> None:
        """Now and then: what was not used for a while may go."""
        self._bundles.tend(now)
        if self._environments is not None:
            self._environments.tend(now)

    def close(self) -> None:
        self._bundles.close()
        if self._environments is not None:
            self._environments.close()


def code_store(settings: Settings, state_dir: Path, blobs: FsspecBlobs) -> CodeStore:
    """That of a worker, as its settings say."""
    bundles = Bundles(blobs, state_dir / "bundles", settings.bundle_cache_mb << 20)
    if not settings.bundle_environments:
        return CodeStore(bundles, None)
    return CodeStore(bundles, Environments(state_dir, settings.environment_cache_mb << 20))
