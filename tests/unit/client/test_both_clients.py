"""``Client`` and ``AsyncClient`` against an api in this process that fails on the way."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any, assert_type

import pytest

from millstream.client import (
    AsyncClient,
    Client,
    DayOfRuns,
    Event,
    GridCell,
    NotReached,
    Run,
    RunFailed,
    Triggered,
    WaitTimeout,
)
from millstream.client.channel import method_of
from millstream.client.modes import Async, Sync, call, listing
from millstream.core.errors import InvalidArgument, MillstreamError, NotFound, Unavailable
from millstream.core.spec import DagSpec, EmptyAction, TaskSpec
from millstream.rpc.specs import spec_to_proto
from millstream.rpc.v1 import (
    backfills_pb2,
    dags_pb2,
    dags_pb2_grpc,
    events_pb2,
    logs_pb2,
    logs_pb2_grpc,
    pools_pb2,
    runs_pb2,
    runs_pb2_grpc,
    system_pb2,
    system_pb2_grpc,
    variables_pb2,
    variables_pb2_grpc,
)
from millstream.sdk.dag import DAG
from millstream.sdk.operators.bash import BashOperator
from millstream.sdk.operators.empty import EmptyOperator
from millstream_api.admission import Overloaded as TooMuch
from served import served

STATES = {"good": runs_pb2.RUN_STATE_SUCCESS, "bad": runs_pb2.RUN_STATE_FAILED}


class FakeRuns(runs_pb2_grpc.RunServiceServicer):
    """Every call is refused once, every stream breaks after each event."""

    def __init__(self) -> None:
        self.triggers: list[str] = []
        self.watched_from: list[int] = []
        self.min_positions: list[int] = []
        self.refusals: list[Exception] = []
        self.left = asyncio.Event()

    async def TriggerRun(self, request: Any, context: Any) -> Any:
        self.triggers.append(request.request_id)
        if self.refusals:
            raise self.refusals.pop(0)
        return runs_pb2.TriggerRunResponse(dag_id=request.dag_id, run_id=request.dag_id, position=2)

    async def GetRun(self, request: Any, context: Any) -> Any:
        self.min_positions.append(request.min_position)
        if request.run_id not in STATES:
            raise NotFound(f"Run {request.run_id!r} does not exist.")
        state = STATES[request.run_id]
        run = runs_pb2.Run(dag_id="d", run_id=request.run_id, state=state, dag_version=1)
        return runs_pb2.GetRunResponse(run=run)

    async def ListRuns(self, request: Any, context: Any) -> Any:
        start = int(request.page_token or 0)
        numbers = range(start, min(start + min(request.page_size, 3), 7))
        runs = [runs_pb2.Run(run_id=str(n), state=STATES["good"]) for n in numbers]
        return runs_pb2.ListRunsResponse(
            runs=runs, next_page_token=str(numbers.stop) if numbers.stop < 7 else ""
        )

    async def GetGrid(self, request: Any, context: Any) -> Any:
        """A run a page; the second one is of a version with another task."""
        assert request.page_size in (1, 2)
        task_ids, states, token = ["b", "a"], bytes([0, 6]), "more"
        attempts, mapped = {1: 3}, {}
        if request.page_token:
            task_ids, states, token = ["b", "a", "c"], bytes([5, 1, 3]), ""
            mapped = {2: runs_pb2.GridInstances(counts=[{"state": 3, "count": 2}])}
            attempts = {}
        run = runs_pb2.GridRun(
            run_id=f"run {token}",
            state="RUN_STATE_SUCCESS",
            states=states,
            attempts=attempts,
            mapped=mapped,
        )
        run.created_at.FromSeconds(60)
        return runs_pb2.GetGridResponse(task_ids=task_ids, runs=[run], next_page_token=token)

    async def CountRuns(self, request: Any, context: Any) -> Any:
        assert (request.logical_from.seconds, request.time_zone) == (0, "Europe/Berlin")
        day = runs_pb2.RunDay(date="1970-01-02", counts=[{"state": 4, "count": 2}])
        return runs_pb2.CountRunsResponse(days=[day])

    async def GetXCom(self, request: Any, context: Any) -> Any:
        self.min_positions.append(request.min_position)
        return runs_pb2.GetXComResponse(xcom=runs_pb2.XCom(task_id="t", value_json="[1, 2]"))

    async def WatchRun(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.watched_from.append(request.from_position)
        kinds = ("RunCreated", "RunStarted", "RunSucceeded")
        for position, kind in enumerate(kinds, 3):
            if position < request.from_position or (request.types and kind not in request.types):
                continue
            if request.run_id == "slow" and kind == "RunSucceeded":
                try:
                    await asyncio.sleep(60)
                finally:
                    self.left.set()
            event = events_pb2.Event(position=position, type=kind, run_id=request.run_id)
            event.recorded_at.FromSeconds(0)
            answer = runs_pb2.WatchRunResponse(event=event)
            if request.run_id == "told" and kind == "RunSucceeded":
                answer.run.run_id, answer.run.state = "told", STATES["good"]
            yield answer
            if kind != "RunSucceeded":
                raise Unavailable("This server stops.")


class FakeDags(dags_pb2_grpc.DagServiceServicer):
    def __init__(self) -> None:
        self.submitted: list[Any] = []
        self.uploads = 0

    async def GetDag(self, request: Any, context: Any) -> Any:
        task = TaskSpec(task_id="t", action=EmptyAction(), returns_dag_result=True)
        spec = spec_to_proto(DagSpec(dag_id="d", tasks=(task,)))
        return dags_pb2.GetDagResponse(dag=dags_pb2.Dag(dag_id="d", spec=spec))

    async def UploadBundle(self, requests: Any, context: Any) -> Any:
        self.uploads += 1
        if self.uploads == 1:
            raise Unavailable("later")
        size = sum([len(part.chunk) async for part in requests])
        return dags_pb2.UploadBundleResponse(digest=f"{size} bytes", size=size)

    async def SubmitDag(self, request: Any, context: Any) -> Any:
        self.submitted.append(request)
        return dags_pb2.SubmitDagResponse(dag_id=request.spec.dag_id, version=1, position=9)


class FakeLogs(logs_pb2_grpc.LogServiceServicer):
    def __init__(self) -> None:
        self.min_positions: list[int] = []

    async def ReadLog(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.min_positions.append(request.min_position)
        yield logs_pb2.ReadLogResponse(
            attempt=1, next_line=1, lines=[{"text": "hello", "at": datetime.now(UTC)}]
        )


class FakeVariables(variables_pb2_grpc.VariableServiceServicer):
    async def GetVariable(self, request: Any, context: Any) -> Any:
        variable = variables_pb2.Variable(key=request.key, value="somebody")
        return variables_pb2.GetVariableResponse(variable=variable)


class FakeSystem(system_pb2_grpc.SystemServiceServicer):
    async def GetOverview(self, request: Any, context: Any) -> Any:
        assert (request.namespace, request.late_after_s) == ("default", 60)
        return system_pb2.GetOverviewResponse(
            dags=3,
            open_tasks=[{"state": "TASK_STATE_DEFERRED", "count": 2}],
            recent_runs=[{"state": "RUN_STATE_FAILED", "count": 1}],
            failed=1,
            failed_runs=[{"dag_id": "d", "run_id": "r", "reason": "failed tasks: a"}],
            late=1,
            late_runs=[{"dag_id": "late"}],
            missed=1,
            missed_deadlines=[{"dag_id": "d", "name": "soon", "state": "RUN_STATE_RUNNING"}],
            queues=[{"queue": "gpu", "waiting": 4, "slots": 8, "busy": 2, "workers": 1}],
        )


class Api:
    def __init__(self) -> None:
        self.address = ""
        self.runs, self.dags, self.logs = FakeRuns(), FakeDags(), FakeLogs()

    def register(self, server: Any) -> None:
        runs_pb2_grpc.add_RunServiceServicer_to_server(self.runs, server)  # type: ignore[no-untyped-call]
        dags_pb2_grpc.add_DagServiceServicer_to_server(self.dags, server)  # type: ignore[no-untyped-call]
        logs_pb2_grpc.add_LogServiceServicer_to_server(self.logs, server)  # type: ignore[no-untyped-call]
        system_pb2_grpc.add_SystemServiceServicer_to_server(FakeSystem(), server)  # type: ignore[no-untyped-call]
        variables_pb2_grpc.add_VariableServiceServicer_to_server(FakeVariables(), server)  # type: ignore[no-untyped-call]


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    with served(api.register) as api.address:
        yield api


def blocking(api: Api) -> dict[str, Any]:
    """A bit of everything, as it is written with the client that blocks."""
    with Client(api.address) as client:
        run = client.trigger("good")
        assert_type(run, Triggered[Sync])
        positions = [event.position for event in run.watch()]
        done = run.wait()
        assert_type(done, Run)
        return {
            "positions": positions,
            "state": done.state,
            "result": run.result(),
            "xcom": run.xcom("t"),
            "five": [one.run_id for one in client.list_runs(limit=5)],
            "all": len(list(client.list_runs())),
            "digest": client.upload_bundle(b"x" * 600_000),
        }


async def waiting(api: Api) -> dict[str, Any]:
    """The same with the other one."""
    async with AsyncClient(api.address) as client:
        run = await client.trigger("good")
        assert_type(run, Triggered[Async])
        positions = [event.position async for event in run.watch()]
        done = await run.wait()
        assert_type(done, Run)
        return {
            "positions": positions,
            "state": done.state,
            "result": await run.result(),
            "xcom": await run.xcom("t"),
            "five": [one.run_id async for one in client.list_runs(limit=5)],
            "all": len([one async for one in client.list_runs()]),
            "digest": await client.upload_bundle(b"x" * 600_000),
        }


BOTH: list[Callable[[Api], dict[str, Any]]] = [blocking, lambda api: asyncio.run(waiting(api))]


@pytest.mark.parametrize("use", BOTH, ids=["sync", "async"])
def test_both_do_the_same_through_outages(api: Api, use: Callable[[Api], dict[str, Any]]) -> None:
    api.runs.refusals.append(Unavailable("later"))
    assert use(api) == {
        "positions": [3, 4, 5],
        "state": "success",
        "result": [1, 2],
        "xcom": [1, 2],
        "five": ["0", "1", "2", "3", "4"],
        "all": 7,
        "digest": "600000 bytes",
    }
    # A change is sent again under the id that it had, a watch goes on behind what came.
    first, second = api.runs.triggers
    assert first == second != ""
    # (gRPC may drop an answer that came just before the stream broke: then it is asked for again.)
    assert list(dict.fromkeys(api.runs.watched_from)) == [0, 4, 5]
    # What is read after the watch is at least as new as what was watched.
    assert min(api.runs.min_positions) == 5


def test_who_was_told_of_an_end_asks_for_nothing_more_and_reads_nothing_older(api: Api) -> None:
    with Client(api.address) as client:
        before = client.trigger("good")
        done = client.wait("told", dag_id="d")
        assert (done.run_id, done.state, done.position) == ("told", "success", 5)
        assert api.runs.min_positions == []
        client.get_run(before)
        client.xcom(before, "t")
        assert api.runs.min_positions == [5, 5]
        assert [line.text for line in client.logs.read(before, "t")] == ["hello"]
        assert api.logs.min_positions == [5]


def test_a_grid_is_put_together_of_its_pages(api: Api) -> None:
    with Client(api.address) as client:
        grid = client.grid("d", limit=2)
        assert grid.task_ids == ("b", "a", "c")
        first, second = grid.runs
        assert (first.run_id, first.state, first.created_at) == (
            "run more",
            "success",
            datetime(1970, 1, 1, 0, 1, tzinfo=UTC),
        )
        assert first.cells == {"a": GridCell(state="failed", attempts=3)}
        assert second.cells == {
            "b": GridCell(state="success"),
            "a": GridCell(state="none"),
            "c": GridCell(state="running", instances={"running": 2}),
        }
        assert len(client.grid("d", limit=1).runs) == 1
        since = datetime(1970, 1, 1)
        (day,) = client.count_runs("d", since, datetime.now(UTC), time_zone="Europe/Berlin")
        assert day == DayOfRuns(day=date(1970, 1, 2), counts={"failed": 2})


def test_an_overview(api: Api) -> None:
    with Client(api.address) as client:
        found = client.overview()
    assert (found.open_tasks, found.recent_runs) == ({"deferred": 2}, {"failed": 1})
    assert [run.reason for run in found.failed_runs] == ["failed tasks: a"]
    assert [(run.dag_id, run.run_id, run.due_at) for run in found.late_runs] == [("late", "", None)]
    assert [(one.name, one.state) for one in found.missed_deadlines] == [("soon", "running")]
    (queue,) = found.queues
    assert (queue.name, queue.waiting, queue.slots, queue.busy) == ("gpu", 4, 8, 2)


def test_every_call_is_of_both_clients_and_says_what_it_does() -> None:
    with Client("127.0.0.1:1") as client:
        groups: list[type[Any]] = [Client, Triggered]
        groups += [type(group) for group in vars(client).values() if hasattr(group, "_ask")]
    found = {
        f"{group.__name__}.{name}": member
        for group in groups
        for name, member in inspect.getmembers(group)
        if isinstance(member, call | listing) and not name.startswith("_")
    }
    assert {"Client.trigger", "Triggered.watch", "Pools.set", "Variables.list"} <= found.keys()
    for name, member in found.items():
        assert inspect.getdoc(member), f"{name} has no docstring"


def test_a_method_is_found_by_its_request() -> None:
    assert method_of(pools_pb2.GetPoolRequest.DESCRIPTOR).name == "GetPool"
    create = backfills_pb2.CreateBackfillRequest.DESCRIPTOR
    assert method_of(create).name == "CreateBackfill"
    with pytest.raises(AssertionError, match="no service in"):
        method_of(pools_pb2.Pool.DESCRIPTOR)


def test_an_overloaded_api_is_left_alone_for_as_long_as_it_asks(api: Api) -> None:
    api.runs.refusals.append(TooMuch("500 calls are open already"))
    pauses: list[float] = []
    with Client(api.address) as client:

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)

        client._channel.transport.sleep = sleep  # type: ignore[method-assign]
        client.trigger("good")
    assert len(pauses) == 1
    assert 1.0 <= pauses[0] <= 1.5


def test_what_cannot_succeed_is_not_tried_again(api: Api) -> None:
    api.runs.refusals.append(InvalidArgument("conf is too large"))
    with Client(api.address) as client, pytest.raises(InvalidArgument, match="conf is too large"):
        client.trigger("good")
    assert len(api.runs.triggers) == 1


def test_errors_are_ours_in_both(api: Api) -> None:
    with Client(api.address) as client:
        with pytest.raises(RunFailed, match="'bad' of DAG 'd' failed"):
            client.run("bad").result()
        with pytest.raises(WaitTimeout, match=r"'slow' was not over after 0\.2 s; it goes on"):
            client.run("slow").wait(timeout_s=0.2)

    async def main() -> None:
        async with AsyncClient(api.address) as other:
            with pytest.raises(NotFound, match="Run 'x' does not exist"):
                await other.get_run("x")
            with pytest.raises(WaitTimeout, match=r"not over after 0\.2 s"):
                await other.run("slow").wait(timeout_s=0.2)
        async with AsyncClient("127.0.0.1:1", timeout_s=0.2) as nobody:
            with pytest.raises(NotReached, match="No Millstream api answers at"):
                await nobody.status()

    asyncio.run(main())


def test_a_watch_that_is_left_ends_at_the_server_too(api: Api) -> None:
    def left() -> bool:
        return api.runs.left.is_set()

    with Client(api.address) as client:
        for event in client.run("slow").watch():
            if event.position == 4:
                break
    assert not left(), "it had not come to the wait"

    async def main() -> None:
        async with AsyncClient(api.address) as client:
            run = client.run("slow")

            async def follow() -> list[Event]:
                return [event async for event in run.watch()]

            following = asyncio.create_task(follow())
            while 5 not in api.runs.watched_from:  # noqa: ASYNC110 - as below
                await asyncio.sleep(0)
            following.cancel()
            with pytest.raises(asyncio.CancelledError):
                await following
            async with asyncio.timeout(10):
                while not left():  # noqa: ASYNC110 - it is set on another thread
                    await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_dag_of_bash_tasks_needs_no_file(api: Api) -> None:
    with DAG("made_here", schedule=None) as dag:
        BashOperator(task_id="a", bash_command="echo 1") >> EmptyOperator(task_id="b")
    with Client(api.address) as client:
        assert client.submit(dag).version == 1
    (request,) = api.dags.submitted
    assert (request.bundle, [task.task_id for task in request.spec.tasks]) == ("", ["a", "b"])


MODULE = """
from millstream import DAG, PythonOperator
from millstream.client import Client

with DAG("{dag_id}", schedule=None) as dag:
    PythonOperator(task_id="p", python_callable=print)

{more}
"""


def dag_of(path: Any, dag_id: str, more: str = "") -> DAG:
    path.write_text(MODULE.format(dag_id=dag_id, more=more))
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(path)}
    exec(compile(path.read_text(), str(path), "exec"), names)
    made: DAG = names["dag"]
    return made


def test_a_dag_with_python_comes_with_its_file(api: Api, tmp_path: Any) -> None:
    dag = dag_of(tmp_path / "good file.py", "with_python")
    with Client(api.address) as client:
        assert client.submit(dag).dag_id == "with_python"
    (request,) = api.dags.submitted
    assert (request.spec.file, request.bundle.endswith(" bytes")) == ("good file.py", True)


ASKS = """
from millstream import DAG, EmptyOperator, Variable

with DAG("asks_" + Variable.get("name", default="nobody"), schedule=None) as dag:
    EmptyOperator(task_id="e")
"""


def test_a_file_asks_while_an_event_loop_goes_on(api: Api, tmp_path: Any) -> None:
    (tmp_path / "asks.py").write_text(ASKS)

    async def main() -> str:
        async with AsyncClient(api.address) as client:
            beats = 0

            async def beat() -> None:
                nonlocal beats
                while True:
                    await asyncio.sleep(0.005)
                    beats += 1

            beating = asyncio.create_task(beat())
            (done,) = await client.submit_file(tmp_path / "asks.py")
            beating.cancel()
            assert beats > 2, "reading a file holds nobody up"
            return done.dag_id

    assert asyncio.run(main()) == "asks_somebody"


def test_a_dag_that_its_file_does_not_make_is_refused(api: Api, tmp_path: Any) -> None:
    dag = dag_of(tmp_path / "changed.py", "before")
    (tmp_path / "changed.py").write_text(MODULE.format(dag_id="after", more=""))
    with Client(api.address) as client, pytest.raises(MillstreamError, match="does not make DAG"):
        client.submit(dag)
    assert not api.dags.submitted


def test_a_file_that_submits_itself_while_it_is_imported_is_told_so(
    api: Api, tmp_path: Any
) -> None:
    file = tmp_path / "itself.py"
    file.write_text(MODULE.format(dag_id="itself", more=f"Client({api.address!r}).submit(dag)"))
    with Client(api.address) as client, pytest.raises(MillstreamError, match="__main__"):
        client.submit_file(file)
    assert not api.dags.submitted
