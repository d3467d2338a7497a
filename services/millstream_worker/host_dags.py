"""The DAG files of a bundle in a process that async tasks and triggers share."""

from __future__ import annotations

import os
import threading

from millstream.sdk.dag import DAG
from millstream.sdk.deferral import dag_module
from millstream_worker.child import Dags
from millstream_worker.frames import Run


class HostDags:
    """The DAGs for several threads. A file is loaded once, whoever needs it first, and nobody sees
    its module before that is done: Python knows a module from when it begins to be loaded."""

    def __init__(self) -> None:
        self._dags = Dags()
        self._lock = threading.Lock()

    def find(self, run: Run) -> DAG | None:
        """The DAG of an attempt, as :meth:`Dags.find` says."""
        with self._lock:
            return self._dags.find(run)

    def module(self, bundle_dir: str, file: str) -> str:
        """The name of the module of a DAG file, for the triggers that are defined in it. Raises
        :class:`DagFileError`."""
        with self._lock:
            self._dags.load(bundle_dir, file)
        return dag_module(os.path.realpath(os.path.join(bundle_dir, file)))
