"""Which workers there are, what runs on them, and which was told to stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from integration.liveness import NewWorker
from integration.running_stack import RunningStack, assert_success, bash, bash_dag, eventually
from millstream.rpc.v1 import workers_pb2, workers_pb2_grpc

QUEUE = "listed"


@pytest.fixture
def workers(live_stack: RunningStack) -> Iterator[Any]:
    with grpc.insecure_channel(live_stack.address) as channel:
        yield workers_pb2_grpc.WorkerServiceStub(channel)  # type: ignore[no-untyped-call]


def test_a_worker_is_listed_with_what_runs_on_it(
    live_stack: RunningStack, new_worker: NewWorker, workers: Any, tmp_path: Path
) -> None:
    worker = new_worker("listed-1", QUEUE).start()
    gate = tmp_path / "gate"
    waits = bash("waits", f"until test -e '{gate}'; do sleep 0.05; done", queue=QUEUE)
    client = live_stack.client()
    run = client.trigger(client.submit_spec(bash_dag("listed", waits)).dag_id)

    def listed(**options: Any) -> list[Any]:
        request = workers_pb2.ListWorkersRequest(queue=QUEUE, **options)
        return list(workers.ListWorkers(request).workers)

    def running() -> list[tuple[str, str]]:
        found = listed(with_running=True)
        return [(one.run_id, one.task_id) for worker in found for one in worker.running]

    eventually("the task runs there", lambda: running() == [(run.run_id, "waits")])
    (found,) = listed()
    assert (found.worker_id, list(found.queues), found.is_draining) == ("listed-1", [QUEUE], False)
    assert found.slots == 3
    everybody = workers.ListWorkers(workers_pb2.ListWorkersRequest(page_size=1))
    assert everybody.next_page_token
    worker.send(signal.SIGTERM)
    eventually("it was told to stop", lambda: [one.is_draining for one in listed()] == [True])
    got = workers.GetWorker(workers_pb2.GetWorkerRequest(worker_id="listed-1")).worker
    assert [one.task_id for one in got.running] == ["waits"]
    gate.touch()
    worker.wait(30)
    eventually("it is gone", lambda: listed() == [])
    with pytest.raises(grpc.RpcError) as caught:
        workers.GetWorker(workers_pb2.GetWorkerRequest(worker_id="listed-1"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    other = new_worker("listed-2", QUEUE).start()  # if the first one gave the task back
    assert_success(client, run)
    assert other.pid
