"""The api on real servers, through the client, and through stubs where that is too polite."""

from __future__ import annotations

import io
import threading
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from integration.running_stack import assert_success
from millstream.client import Client, RunRef
from millstream.core.errors import (
    InvalidArgument,
    InvalidDag,
    MillstreamError,
    NotFound,
    Refused,
    Unavailable,
)
from millstream.core.spec import BashAction, DagSpec, EmptyAction, PythonAction, TaskSpec
from millstream.core.validate import MAX_SPEC_BYTES
from millstream.rpc.v1 import (
    dags_pb2,
    dags_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    runs_pb2,
    runs_pb2_grpc,
)

WAIT_S = 60


@pytest.fixture(scope="module")
def client(stack: Any) -> Iterator[Client]:
    with Client(stack.address) as client:
        yield client


@pytest.fixture(scope="module")
def channel(stack: Any) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(stack.address) as channel:
        yield channel


def new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex[:8]}"


def bash(task_id: str, command: str, *upstream: str, **options: Any) -> TaskSpec:
    return TaskSpec(
        task_id=task_id, action=BashAction(command=command), upstream=upstream, **options
    )


def empty(task_id: str, *upstream: str) -> TaskSpec:
    return TaskSpec(task_id=task_id, action=EmptyAction(), upstream=upstream)


@pytest.fixture(scope="module")
def finished(client: Client) -> RunRef:
    """A run that is over: one task with an XCom, one failed, one that could not run."""
    spec = DagSpec(
        dag_id=new_id("mixed"),
        tasks=(
            bash("speak", "echo hello"),
            bash("fall", "echo stumbling; exit 3", "speak"),
            bash("never", "true", "fall"),
        ),
        tags=("a", "b"),
        params={"day": "monday", "n": 3},
    )
    submitted = client.submit_spec(spec)
    run = client.trigger(submitted.dag_id, {"rows": 7}, note="a note")
    done = client.wait(run, timeout_s=WAIT_S)
    assert done.state == "failed"
    return done


class TestDags:
    def test_what_is_submitted_is_what_is_read(self, client: Client, finished: RunRef) -> None:
        dag = client.get_dag(finished.dag_id)
        assert dag.spec is not None
        assert (dag.latest_version, dag.spec.params) == (1, {"day": "monday", "n": 3})
        assert [task.task_id for task in dag.spec.tasks] == ["speak", "fall", "never"]
        again = client.submit_spec(dag.spec)
        assert again.version == 1
        assert finished.dag_id in {dag.dag_id for dag in client.list_dags()}

    def test_another_spec_is_another_version(self, client: Client) -> None:
        dag_id = new_id("versions")
        for count in (1, 2):
            tasks = tuple(empty(f"t{i}") for i in range(count))
            assert client.submit_spec(DagSpec(dag_id=dag_id, tasks=tasks)).version == count
        run = client.wait(client.trigger(dag_id), timeout_s=WAIT_S)
        assert run.version == 2
        first = client.get_dag(dag_id, 1).spec
        assert first is not None
        assert len(first.tasks) == 1

    @pytest.mark.parametrize(
        ("spec", "problem"),
        [
            (DagSpec(dag_id="d", tasks=(empty("a", "b"), empty("b", "a"))), "cycle"),
            (DagSpec(dag_id="d", tasks=(empty("a", "ghost"),)), "unknown upstream task 'ghost'"),
            (DagSpec(dag_id="d", tasks=(empty("a"), empty("a"))), "used 2 times"),
            (DagSpec(dag_id="d", tasks=(), schedule="61 * * * *"), "not a cron expression"),
            (DagSpec(dag_id="a b", tasks=()), "contains ' '"),
            (DagSpec(dag_id="d", tasks=(empty("a/b"),)), "contains '/'"),
            (DagSpec(dag_id="", tasks=()), "dag_id is empty"),
            (DagSpec(dag_id="d", tasks=(), timezone="Mars/Olympus"), "time zone"),
        ],
    )
    def test_a_bad_dag_is_refused_with_the_reason(
        self, client: Client, spec: DagSpec, problem: str
    ) -> None:
        with pytest.raises(InvalidDag, match=problem):
            client.submit_spec(spec)

    def test_all_problems_come_at_once(self, channel: grpc.Channel) -> None:
        spec = dags_pb2.DagSpec(dag_id="a b", tasks=[dags_pb2.TaskSpec(task_id="t/t")])
        spec.tasks[0].empty.SetInParent()
        with pytest.raises(grpc.RpcError) as caught:
            stub(dags_pb2_grpc.DagServiceStub, channel).SubmitDag(
                dags_pb2.SubmitDagRequest(spec=spec)
            )
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert len(violations(caught.value)) == 2

    def test_python_tasks_need_a_bundle_that_exists(self, client: Client) -> None:
        task = TaskSpec(task_id="t", action=PythonAction())
        spec = DagSpec(dag_id=new_id("python"), tasks=(task,), file="dag.py")
        with pytest.raises(InvalidArgument, match="needs a bundle"):
            client.submit_spec(spec)
        for bundle in ("0" * 64, "../../etc/passwd"):
            with pytest.raises(InvalidArgument, match=r"does not exist|no blob key"):
                client.submit_spec(spec, bundle)

    def test_a_bundle_is_stored_under_its_digest(self, client: Client) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("large.bin", bytes(700_000))
        digest = client.upload_bundle(buffer.getvalue())
        assert digest == client.upload_bundle(buffer.getvalue())
        with pytest.raises(InvalidArgument, match="zip"):
            client.upload_bundle(b"no archive")

    def test_a_chunk_has_a_limit(self, channel: grpc.Channel) -> None:
        chunk = dags_pb2.UploadBundleRequest(chunk=bytes(256 * 1024 + 1))
        with pytest.raises(grpc.RpcError) as caught:
            stub(dags_pb2_grpc.DagServiceStub, channel).UploadBundle(iter([chunk]))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    def test_a_nul_in_the_conf_is_refused(self, client: Client) -> None:
        dag_id = new_id("nul")
        client.submit_spec(DagSpec(dag_id=dag_id, tasks=(empty("a"),)))
        with pytest.raises(InvalidArgument, match="NUL character"):
            client.trigger(dag_id, conf={"a": "\x00"})
        assert_success(client, client.trigger(dag_id, conf={"a": "\\u0000"}))

    def test_a_huge_dag_harms_nobody(self, client: Client) -> None:
        """One that is as large as is allowed, and one that is larger."""
        for size, is_taken in ((3_900_000, True), (MAX_SPEC_BYTES, False)):
            task = TaskSpec(task_id="t", action=EmptyAction(), doc="x" * size)
            spec = DagSpec(dag_id=new_id("huge"), tasks=(task,))
            if is_taken:
                assert client.submit_spec(spec).version == 1
                continue
            with pytest.raises(MillstreamError, match=r"4194304|larger|bytes"):
                client.submit_spec(spec)
        spec = DagSpec(dag_id=new_id("small"), tasks=(empty("t"),))
        run = client.trigger(client.submit_spec(spec).dag_id)
        assert client.wait(run, timeout_s=WAIT_S).state == "success"

    def test_a_file_with_python_tasks(self, client: Client, tmp_path: Path) -> None:
        (tmp_path / "words.py").write_text("GREETING = 'good day'\n")
        file = tmp_path / "dag.py"
        file.write_text(
            "from millstream import DAG, PythonOperator\n"
            "from words import GREETING\n"
            "with DAG('from_file'):\n"
            "    PythonOperator(task_id='greet', python_callable=lambda: GREETING)\n"
        )
        [submitted] = client.submit_file(file)
        run = client.wait(client.trigger(submitted.dag_id), timeout_s=WAIT_S)
        assert client.xcom(run, "greet") == "good day"
        file.write_text("\n\n1 / 0\n")
        with pytest.raises(MillstreamError, match=r"dag\.py:3: ZeroDivisionError"):
            client.submit_file(file)


class TestTrigger:
    def test_the_same_request_starts_one_run(self, client: Client, finished: RunRef) -> None:
        request_id = uuid.uuid4().hex
        found: list[RunRef] = []
        threads = [
            threading.Thread(
                target=lambda: found.append(client.trigger(finished.dag_id, request_id=request_id))
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        assert len(found) == 8
        assert len({ref.run_id for ref in found}) == 1
        with pytest.raises(InvalidArgument, match="another request"):
            client.submit_spec(
                DagSpec(dag_id=new_id("d"), tasks=(empty("a"),)), request_id=request_id
            )

    def test_what_is_refused_and_how(self, client: Client, finished: RunRef) -> None:
        with pytest.raises(NotFound, match="does not exist"):
            client.trigger("no_such_dag")
        with pytest.raises(Refused, match="already has a run") as caught:
            client.trigger(finished.dag_id, run_id=finished.run_id)
        assert caught.value.reason == "RUN_EXISTS"
        for run_id in ("a/b", "a b", "x" * 300):
            with pytest.raises(InvalidArgument, match="run id"):
                client.trigger(finished.dag_id, run_id=run_id)
        with pytest.raises(InvalidArgument, match="256 KiB"):
            client.trigger(finished.dag_id, {"x": "y" * 300_000})


class TestReads:
    def test_a_run_and_its_tasks(self, client: Client, finished: RunRef) -> None:
        run = client.get_run(finished)
        assert (run.state, run.conf, run.note) == ("failed", {"rows": 7}, "a note")
        tasks = client.list_task_instances(run)
        assert [(t.task_id, t.state, t.attempt) for t in tasks] == [
            ("speak", "success", 1),
            ("fall", "failed", 1),
            ("never", "upstream_failed", 0),
        ]
        assert tasks[1].reason
        assert client.get_run(finished.run_id).dag_id == finished.dag_id

    def test_tasks_that_nothing_happened_to_are_listed(self, client: Client) -> None:
        tasks = (bash("slow", "sleep 2"), empty("late", "slow"))
        dag_id = client.submit_spec(DagSpec(dag_id=new_id("slow"), tasks=tasks)).dag_id
        run = client.trigger(dag_id)
        states = {t.task_id: t.state for t in client.list_task_instances(run)}
        assert states["late"] == "none"
        assert client.wait(run, timeout_s=WAIT_S).state == "success"

    def test_pages_hold_every_task_once_and_in_order(
        self, client: Client, channel: grpc.Channel
    ) -> None:
        names = [f"t{(i * 7) % 25}" for i in range(25)]
        spec = DagSpec(dag_id=new_id("wide"), tasks=tuple(empty(name) for name in names))
        run = client.wait(client.trigger(client.submit_spec(spec).dag_id), timeout_s=WAIT_S)
        runs = stub(runs_pb2_grpc.RunServiceStub, channel)
        request = runs_pb2.ListTaskInstancesRequest(run_id=run.run_id, page_size=4)
        request.dag_id = run.dag_id
        seen: list[str] = []
        while True:
            answer = runs.ListTaskInstances(request)
            seen += [task.task_id for task in answer.task_instances]
            request.page_token = answer.next_page_token
            if not request.page_token:
                break
        assert seen == names

    def test_runs_are_listed_newest_first_and_filtered(self, client: Client) -> None:
        spec = DagSpec(dag_id=new_id("many"), tasks=(empty("a"),))
        dag_id = client.submit_spec(spec).dag_id
        ids = [client.trigger(dag_id, run_id=f"r{i}").run_id for i in range(5)]
        for run_id in ids:
            client.wait(run_id, dag_id, timeout_s=WAIT_S)
        assert [r.run_id for r in client.list_runs(dag_id)] == ids[::-1]
        assert [r.run_id for r in client.list_runs(dag_id, ["success"], 2)] == ids[:2:-1]
        assert list(client.list_runs(dag_id, ["failed"])) == []

    def test_a_run_id_of_two_dags_needs_the_dag(self, client: Client) -> None:
        run_id = new_id("shared")
        for dag_id in (new_id("one"), new_id("two")):
            client.submit_spec(DagSpec(dag_id=dag_id, tasks=(empty("a"),)))
            client.wait(client.trigger(dag_id, run_id=run_id), timeout_s=WAIT_S)
        with pytest.raises(Refused, match=r"one_.*, two_") as caught:
            client.get_run(run_id)
        assert caught.value.reason == "RUN_AMBIGUOUS"
        with pytest.raises(Refused):
            list(client.watch_run(run_id))

    def test_xcoms(self, client: Client, finished: RunRef) -> None:
        assert client.xcom(finished, "speak") == "hello"
        assert ("speak", "return_value") in {(x.task_id, x.key) for x in client.xcoms(finished)}
        with pytest.raises(NotFound, match="no XCom"):
            client.xcom(finished, "never")
        with pytest.raises(NotFound, match="no task 'ghost'"):
            client.xcom(finished, "ghost")

    def test_what_does_not_exist(self, client: Client) -> None:
        with pytest.raises(NotFound, match="Run 'x' does not exist"):
            client.get_run("x")
        with pytest.raises(NotFound):
            client.list_task_instances("x")
        with pytest.raises(NotFound):
            list(client.watch_run("x"))
        with pytest.raises(NotFound, match="no_such_dag"):
            client.get_dag("no_such_dag")

    @pytest.mark.parametrize("token", ["garbage", "AAAA", "%%%", "e30", "\u00e9"])
    def test_a_garbage_token_is_the_callers_fault(self, channel: grpc.Channel, token: str) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            stub(runs_pb2_grpc.RunServiceStub, channel).ListRuns(
                runs_pb2.ListRunsRequest(page_token=token)
            )
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert [v.field for v in violations(caught.value)] == ["page_token"]

    @pytest.mark.parametrize("run_id", ["", "a\0b", "'; DROP TABLE dag_run; --"])
    def test_hostile_ids_find_nothing(self, client: Client, run_id: str) -> None:
        with pytest.raises((InvalidArgument, NotFound)):
            client.get_run(run_id)

    def test_a_position_in_the_future_is_unavailable(self, stack: Any, finished: RunRef) -> None:
        future = RunRef(
            namespace="default", dag_id=finished.dag_id, run_id=finished.run_id, position=10**12
        )
        with Client(stack.address, timeout_s=2) as client, pytest.raises(Unavailable):
            client.get_run(future)


class TestEvents:
    def test_a_watch_is_the_log_of_the_run(self, client: Client, finished: RunRef) -> None:
        watched = list(client.watch_run(finished, timeout_s=WAIT_S))
        listed = list(client.events(finished.run_id, finished.dag_id))
        assert watched == listed
        assert list(client.watch_run(finished.run_id, timeout_s=WAIT_S)) == listed
        assert [watched[0].type, watched[-1].type] == ["RunCreated", "RunFailed"]
        assert [e.position for e in watched] == sorted({e.position for e in watched})
        tail = list(client.watch_run(finished, from_position=watched[-1].position))
        assert tail == watched[-1:]
        beyond = client.watch_run(finished, from_position=watched[-1].position + 1)
        assert list(beyond) == []

    def test_who_waits_is_told_what_the_tables_say_later(self, client: Client) -> None:
        tasks = (bash("a", "sleep 0.5"),)
        dag_id = client.submit_spec(DagSpec(dag_id=new_id("told"), tasks=tasks)).dag_id
        run = client.trigger(dag_id, {"n": 1.5}, note="why")
        told = client.wait(run, timeout_s=WAIT_S)
        assert (told.state, told.note, told.conf) == ("success", "why", {"n": 1.5})
        assert told == client.get_run(told)
        cancelled = client.trigger(dag_id)
        client.cancel(cancelled, note="by hand")
        told = client.wait(cancelled, timeout_s=WAIT_S)
        assert told.state == "failed"
        assert told == client.get_run(told)
        client.clear(told, only_failed=False)
        told = client.wait(cancelled, timeout_s=WAIT_S)
        assert told.state == "success"
        assert told == client.get_run(told)

    def test_positions_of_the_whole_log_have_no_gap(self, client: Client, finished: RunRef) -> None:
        positions = [event.position for event in client.events()]
        assert positions == list(range(1, len(positions) + 1))

    def test_many_watchers_see_a_run_live(self, client: Client) -> None:
        tasks = (bash("a", "sleep 0.5"), *(bash(f"t{i}", "true", "a") for i in range(5)))
        dag_id = client.submit_spec(DagSpec(dag_id=new_id("live"), tasks=tasks)).dag_id
        run = client.trigger(dag_id)
        seen: list[list[int]] = []

        def watch() -> None:
            seen.append([e.position for e in client.watch_run(run, timeout_s=WAIT_S)])

        threads = [threading.Thread(target=watch) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        expected = [event.position for event in client.events(run.run_id, dag_id)]
        assert seen == [expected] * 10

    def test_following_the_log_gets_what_comes(self, client: Client, finished: RunRef) -> None:
        head = client.status().log_position
        followed = client.events(from_position=head + 1, follow=True, timeout_s=WAIT_S)
        run = client.trigger(finished.dag_id)
        for expected, event in enumerate(followed, start=head + 1):
            assert event.position == expected
            if event.run_id == run.run_id and event.ends_run:
                break

    def test_list_events_pages(self, channel: grpc.Channel, finished: RunRef) -> None:
        events = stub(events_pb2_grpc.EventServiceStub, channel)
        request = events_pb2.ListEventsRequest(run_id=finished.run_id, page_size=2)
        pages = []
        while True:
            answer = events.ListEvents(request)
            pages.append(len(answer.events))
            if not answer.next_position:
                break
            request.from_position = answer.next_position
        assert set(pages[:-1]) == {2}


class TestSystem:
    def test_status(self, client: Client, finished: RunRef) -> None:
        status = client.status()
        assert status.nats_is_connected
        assert status.epoch >= 1
        assert status.log_position >= finished.position
        assert status.workers
        assert all(worker.slots > 0 for worker in status.workers)

    def test_health_names_every_service(self, channel: grpc.Channel) -> None:
        health = stub(health_pb2_grpc.HealthStub, channel)
        for name in ("", "millstream.rpc.v1.RunService", "millstream.rpc.v1.DagService"):
            answer = health.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING

    def test_every_error_is_ours(self, client: Client) -> None:
        with pytest.raises(MillstreamError):
            list(client.list_runs(states=["nonsense"]))


def stub(kind: Any, channel: grpc.Channel) -> Any:
    return kind(channel)


def violations(error: grpc.RpcError) -> list[Any]:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    for detail in status.details:
        request = error_details_pb2.BadRequest()
        if detail.Unpack(request):
            return list(request.field_violations)
    return []
