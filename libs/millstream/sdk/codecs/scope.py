"""What the data of other tasks may make this process do: which classes it may name, and whether
pickles are read at all.

A class is looked for only in the modules of the DAG's own bundle, whose code this task runs
anyway, and in those that ``MILLSTREAM_XCOM_CLASSES`` names on the worker. So a value can never
make a process import, or make an instance of, anything that neither the DAG's author nor the
operator chose. Pickles run arbitrary code of whoever wrote them: only with
``MILLSTREAM_XCOM_PICKLE=1``.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import msgspec

CLASSES_SETTING = "MILLSTREAM_XCOM_CLASSES"
PICKLE_SETTING = "MILLSTREAM_XCOM_PICKLE"
SIZE_SETTING = "MILLSTREAM_XCOM_MAX_BYTES"
DEFAULT_MOST_BYTES = 1024**3
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_STANDARD_LIBRARY = Path(os.__file__).resolve().parent


class Scope(msgspec.Struct, frozen=True):
    """The DAG file and the directory of its bundle; both empty for a task without a DAG file. A DAG
    file without a bundle runs here, as ``dag.test()`` runs it: then the project around it is
    unknown, and every module counts that is not installed."""

    dag_file: str = ""
    bundle_dir: str = ""

    @property
    def dag_file_name(self) -> str:
        """The DAG file's path in its bundle."""
        if not self.bundle_dir:
            return Path(self.dag_file).name
        return Path(os.path.relpath(self.dag_file, self.bundle_dir)).as_posix()

    def is_dag_file(self, module_name: str) -> bool:
        """Whether the module is the DAG file itself, under whatever name it was loaded."""
        file = getattr(sys.modules.get(module_name), "__file__", None)
        if not (self.dag_file and file):
            return False
        return bool(os.path.realpath(file) == os.path.realpath(self.dag_file))

    def dag_module(self) -> types.ModuleType | None:
        """The DAG file as it was loaded last."""
        for name in reversed(list(sys.modules)):
            if self.is_dag_file(name):
                return sys.modules[name]
        return None

    def allows(self, module_name: str) -> bool:
        """Whether data may name classes of this module. Imports nothing to find that out."""
        patterns = os.environ.get(CLASSES_SETTING, "").replace(",", " ").split()
        if any(fnmatch.fnmatchcase(module_name, pattern) for pattern in patterns):
            return True
        return any(self._is_in_bundle(place) for place in _places(module_name))

    def _is_in_bundle(self, place: str) -> bool:
        if not self.dag_file:
            return False
        path, root = Path(place).resolve(), Path(self.bundle_dir or "/").resolve()
        if not path.is_relative_to(root) or _INSTALLED & set(path.relative_to(root).parts):
            return False
        return bool(self.bundle_dir) or not path.is_relative_to(_STANDARD_LIBRARY)


def _places(module_name: str) -> list[str]:
    """The files or directories that a module comes from; of one that is not imported, those of its
    top-level package."""
    file = getattr(sys.modules.get(module_name), "__file__", None)
    if file:
        return [file]
    try:
        spec = importlib.util.find_spec(module_name.partition(".")[0])
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    return [place for place in (spec.origin, *(spec.submodule_search_locations or ())) if place]


def pickles_are_allowed() -> bool:
    """As the worker says."""
    return os.environ.get(PICKLE_SETTING, "").lower() in ("1", "true", "yes", "on")


def most_bytes() -> int:
    """The size that one value may have, as the worker says."""
    return int(os.environ.get(SIZE_SETTING) or DEFAULT_MOST_BYTES)


# Of the process and not of a context, since threads that a task starts must find it too.
_current = Scope()


# Of an async task: it shares its process with others, and its threads are those of
# asyncio.to_thread, which keep the context.
_own: ContextVar[Scope | None] = ContextVar("own_scope", default=None)


def current_scope() -> Scope:
    """That of the task that runs."""
    return _own.get() or _current


def keep_own_scope(dag_file: str, bundle_dir: str) -> None:
    """From now on, in this context, classes are looked for from this DAG file."""
    _own.set(Scope(dag_file, bundle_dir))


@contextmanager
def scope_of(dag_file: str, bundle_dir: str) -> Iterator[None]:
    """Within it, classes are looked for from this DAG file."""
    global _current
    before, _current = _current, Scope(dag_file, bundle_dir)
    try:
        yield
    finally:
        _current = before
