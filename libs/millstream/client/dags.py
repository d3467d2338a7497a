"""The calls about DAGs: submit, read, pause."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from millstream.client.dag_file import read_dag_file
from millstream.client.models import Dag, Submitted, dag_from
from millstream.client.modes import Calls, M, call, listing
from millstream.core.errors import MillstreamError
from millstream.core.spec import BashAction, DagSpec, EmptyAction
from millstream.core.validate import check_dag
from millstream.rpc.specs import spec_to_proto
from millstream.rpc.v1 import dags_pb2

if TYPE_CHECKING:
    from millstream.sdk.dag import DAG

CHUNK_BYTES = 256 * 1024
# What a DAG file asks for while it is read: "variable" or "connection", and its name.
Find = Callable[[str, str], Awaitable[str | None]]


class DagCalls(Calls[M]):
    """Part of the client."""

    _find: Find

    @call
    async def submit(
        self, dag: DAG, root: str | Path | None = None, *, request_id: str | None = None
    ) -> Submitted:
        """Register a DAG that this program made, with the file that makes it and the files under
        ``root`` (by default those beside it).

        Workers import that file: it must make the DAG by itself, and what submits belongs under
        ``if __name__ == "__main__":``. A DAG of bash tasks alone may come from anywhere, also from
        a notebook. Raises ``DagFileError``, :class:`InvalidDag`, and :class:`MillstreamError` for a
        file that does not make the DAG.
        """
        from millstream.sdk.authoring import file_being_read

        if file_being_read() is not None:
            raise MillstreamError(
                f"DAG {dag.dag_id!r} is submitted while its file is imported; put that under "
                f'if __name__ == "__main__":'
            )
        if not needs_code(dag):
            spec = dag.to_spec(Path(dag.fileloc).name)
            check_dag(spec)
            return await self._submit(spec, "", request_id)
        specs, bundle = await self._read(dag.fileloc, root)
        for spec in specs:
            if spec.dag_id == dag.dag_id:
                made = [task.task_id for task in spec.tasks]
                if made != dag.task_ids:
                    break
                return await self._submit(spec, bundle, request_id)
        raise MillstreamError(
            f"{dag.fileloc} does not make DAG {dag.dag_id!r} with these tasks when it is imported, "
            f"which is what workers do: make it at the top of the file."
        )

    @call
    async def submit_file(
        self, path: str | Path, root: str | Path | None = None
    ) -> list[Submitted]:
        """Register every DAG of a file, with the files under ``root`` (by default those beside it).

        Raises ``DagFileError`` naming the line at fault, and :class:`InvalidDag`.
        """
        specs, bundle = await self._read(path, root)
        return [await self._submit(spec, bundle, None) for spec in specs]

    @call
    async def read_file(self, path: str | Path, root: str | Path | None = None) -> list[DagSpec]:
        """The DAGs of a file, which are not registered. Raises ``DagFileError``."""
        transport = self._channel.transport

        def find(what: str, name: str) -> str | None:
            return transport.from_thread(self._find(what, name))

        return await transport.in_thread(lambda: _read_file(path, root, find))

    @call
    async def upload_bundle(self, data: bytes) -> str:
        """Store a zip archive; returns its digest, by which DAGs name it."""
        return await self._upload(data)

    @call
    async def submit_spec(
        self, spec: DagSpec, bundle: str = "", *, request_id: str | None = None
    ) -> Submitted:
        """Register a DAG version; one that equals the latest changes nothing."""
        return await self._submit(spec, bundle, request_id)

    @call
    async def get_dag(self, dag_id: str, version: int = 0) -> Dag:
        """The latest version of a DAG, or another, with its spec. Raises :class:`NotFound`."""
        request = dags_pb2.GetDagRequest(namespace=self._namespace, dag_id=dag_id, version=version)
        return dag_from((await self._ask(request)).dag)

    @listing
    async def list_dags(self) -> AsyncIterator[Dag]:
        """By id, without specs."""
        request = dags_pb2.ListDagsRequest(namespace=self._namespace)
        async for one in self._items(request, "dags"):
            yield dag_from(one)

    @call
    async def pause_dag(self, dag_id: str, *, request_id: str | None = None) -> bool:
        """Nothing of the DAG starts, and its schedule makes no runs, until it is unpaused. Returns
        False if it was paused already."""
        return await self._set_paused(dag_id, True, request_id)

    @call
    async def unpause_dag(self, dag_id: str, *, request_id: str | None = None) -> bool:
        """The DAG goes on. Returns False if it was not paused."""
        return await self._set_paused(dag_id, False, request_id)

    async def _set_paused(self, dag_id: str, is_paused: bool, request_id: str | None) -> bool:
        request = dags_pb2.SetDagPausedRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=self._namespace,
            dag_id=dag_id,
            is_paused=is_paused,
        )
        return bool((await self._ask(request)).has_changed)

    async def _read(self, path: str | Path, root: str | Path | None) -> tuple[list[DagSpec], str]:
        """The DAGs of a file, and its bundle, which is stored."""
        transport = self._channel.transport

        def find(what: str, name: str) -> str | None:
            return transport.from_thread(self._find(what, name))

        specs, data = await transport.in_thread(lambda: _read_and_bundle(path, root, find))
        return specs, await self._upload(data)

    async def _upload(self, data: bytes) -> str:
        def parts() -> Iterator[dags_pb2.UploadBundleRequest]:
            for start in range(0, len(data), CHUNK_BYTES):
                yield dags_pb2.UploadBundleRequest(chunk=data[start : start + CHUNK_BYTES])

        answer = await self._channel.upload(dags_pb2.UploadBundleRequest, parts)
        return str(answer.digest)

    async def _submit(self, spec: DagSpec, bundle: str, request_id: str | None) -> Submitted:
        request = dags_pb2.SubmitDagRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=self._namespace,
            spec=spec_to_proto(spec),
            bundle=bundle,
        )
        answer = await self._ask(request)
        return Submitted(dag_id=answer.dag_id, version=answer.version, position=answer.position)


def _read_and_bundle(
    path: str | Path, root: str | Path | None, find: Callable[[str, str], str | None]
) -> tuple[list[DagSpec], bytes]:
    from millstream.sdk.bundle import build_bundle

    specs = _read_file(path, root, find)
    return specs, build_bundle(Path(path).resolve(), _resolved(root)).data


def _read_file(
    path: str | Path, root: str | Path | None, find: Callable[[str, str], str | None]
) -> list[DagSpec]:
    return read_dag_file(Path(path).resolve(), _resolved(root), find)


def _resolved(root: str | Path | None) -> Path | None:
    return None if root is None else Path(root).resolve()


def needs_code(dag: DAG) -> bool:
    """Whether workers need the file of the DAG, since some of it is Python."""
    spec = dag.to_spec("")
    return bool(
        spec.callbacks
        or dag.has_own_templates
        or any(task.callbacks for task in spec.tasks)
        or any(not isinstance(task.action, (BashAction, EmptyAction)) for task in spec.tasks)
    )
