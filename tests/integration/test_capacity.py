"""Resources, queue slots and lanes: what a worker has no room for it does not take."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from integration.conftest import FAULT_LEASE_S
from integration.running_stack import (
    ForkedStack,
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from integration.test_faults import wipe_nats
from integration.verify import verify_success
from millstream.client import Client, RunRef, TaskInstance
from millstream.core.spec import TaskSpec

NAP_S = 0.4


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One worker with four slots, one GPU and one licence, for three queues."""
    environment = {
        "MILLSTREAM_LEASE_S": FAULT_LEASE_S,
        "MILLSTREAM_RESOURCES": "gpu=1,license=2,cpu=4",
        "MILLSTREAM_QUEUES": "default,narrow,other",
        "MILLSTREAM_QUEUE_SLOTS": "narrow=1",
    }
    stack = ForkedStack(tmp_path_factory.mktemp("capacity") / "a stack", environment, slots=4)
    with stack.running():
        yield stack


@pytest.fixture
def client(crowded: RunningStack) -> Client:
    return crowded.client()


def nap(task_id: str, *upstream: str, **options: object) -> TaskSpec:
    return bash(task_id, f"sleep {NAP_S}", *upstream, **options)


def chains(
    lines: int, length: int, command: Callable[[int], str], **options: object
) -> list[TaskSpec]:
    return [
        bash(f"t{line}_{n}", command(line), *([f"t{line}_{n - 1}"] if n else []), **options)
        for line in range(lines)
        for n in range(length)
    ]


def gpu(
    task_id: str, count: int = 1, queue: str = "default", work: str = f"sleep {NAP_S}"
) -> TaskSpec:
    return bash(
        task_id,
        f"{work}; echo $CUDA_VISIBLE_DEVICES/$HIP_VISIBLE_DEVICES",
        resources={"gpu": count},
        queue=queue,
    )


def tasks_of(client: Client, run: RunRef) -> dict[str, TaskInstance]:
    return {task.task_id: task for task in client.list_task_instances(run)}


def span(task: TaskInstance) -> tuple[datetime, datetime]:
    assert task.started_at is not None
    assert task.ended_at is not None
    return task.started_at, task.ended_at


def most_at_once(tasks: list[TaskInstance]) -> int:
    """How many of these ran at the same time."""
    spans = [span(task) for task in tasks]
    return max(sum(begin <= at < end for begin, end in spans) for at, _ in spans)


@contextmanager
def worker(stack: RunningStack, name: str, folder: Path, **settings: str) -> Iterator[None]:
    """Another worker, of which the stack's supervisor knows nothing."""
    environment = {
        key: text
        for key, text in stack.environment.items()
        if key not in ("MILLSTREAM_RESOURCES", "MILLSTREAM_QUEUES", "MILLSTREAM_QUEUE_SLOTS")
    }
    environment |= {
        "MILLSTREAM_NATS_URL": stack.nats_url,
        "MILLSTREAM_BLOB_URL": str(stack.data_dir / "blobs"),
        "MILLSTREAM_STATE_DIR": str(folder / name),
        "MILLSTREAM_INSTANCE": name,
        "MILLSTREAM_SLOTS": "2",
        **{f"MILLSTREAM_{key.upper()}": text for key, text in settings.items()},
    }
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "millstream_worker"],
            env=environment,
            stdout=output,
            stderr=output,
        )
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(30) == 0, log.read_text()


class TestResources:
    def test_two_gpu_tasks_never_overlap_while_others_go_on(self, client: Client) -> None:
        small = [nap(f"small{number}") for number in range(8)]
        client.submit_spec(bash_dag("gpus", gpu("gpu1"), gpu("gpu2"), *small))
        run = client.trigger("gpus")
        assert_success(client, run)
        tasks = tasks_of(client, run)
        assert most_at_once([tasks["gpu1"], tasks["gpu2"]]) == 1
        assert most_at_once([tasks["gpu1"], *(tasks[one.task_id] for one in small)]) > 1
        assert most_at_once(list(tasks.values())) > 2

    def test_resources_are_counted_across_lanes(self, client: Client) -> None:
        """Four cpu: 3 and 2 never go together, 2 and 2 do."""
        asked = {"a": 3, "b": 2, "c": 3, "d": 2, "e": 2}
        tasks = [nap(name, resources={"cpu": count}) for name, count in asked.items()]
        client.submit_spec(bash_dag("cpus", *tasks))
        run = client.trigger("cpus")
        assert_success(client, run)
        done = tasks_of(client, run)
        begins = [span(task)[0] for task in done.values()]
        for at in begins:
            running = [name for name, task in done.items() if span(task)[0] <= at < span(task)[1]]
            assert sum(asked[name] for name in running) <= 4, running

    def test_a_large_request_is_not_passed_over_for_ever(self, client: Client) -> None:
        """Small ones that come all the time leave no room for it by themselves, and it was never
        asked for: its lane is new."""
        small = chains(4, 60, lambda line: f"sleep {0.2 + 0.03 * line}", resources={"cpu": 1})
        client.submit_spec(bash_dag("small", *small))
        crowd = client.trigger("small")
        wait_for_event(client, crowd, "TaskStarted", count=8)
        client.submit_spec(bash_dag("large", bash("t", "true", resources={"cpu": 4})))
        assert_success(client, client.trigger("large"), timeout_s=30)
        self._end_before_its_time(client, crowd, len(small))

    def test_tasks_that_ask_go_on_beside_short_ones_that_come_all_the_time(
        self, client: Client
    ) -> None:
        """Short attempts are pulled ahead and take each slot that becomes free."""
        short = chains(12, 300, lambda _: "true")
        client.submit_spec(bash_dag("short", *short))
        crowd = client.trigger("short")
        wait_for_event(client, crowd, "TaskSucceeded", count=100)
        asking = bash("t", "true", resources={"license": 1, "cpu": 1})
        client.submit_spec(bash_dag("asking", asking))
        assert_success(client, client.trigger("asking"), timeout_s=30)
        self._end_before_its_time(client, crowd, len(short))

    def _end_before_its_time(self, client: Client, run: RunRef, length: int) -> None:
        client.cancel(run)
        assert client.wait(run, timeout_s=60).state == "failed"
        states = [task.state for task in client.list_task_instances(run)]
        assert 1 <= states.count("success") < length - 12

    def test_what_nobody_offers_waits_for_a_worker_that_does(
        self, crowded: RunningStack, client: Client, tmp_path: Path
    ) -> None:
        client.submit_spec(bash_dag("many", gpu("t", 2), gpu("one")))
        run = client.trigger("many")
        wait_for_event(client, run, "TaskSucceeded", "one")
        assert tasks_of(client, run)["t"].state == "queued"
        with worker(crowded, "w-big", tmp_path, resources="gpu=3"):
            assert_success(client, run)
            eventually(
                "both workers are heard of",
                lambda: {"worker-1", "w-big"} <= {one.worker_id for one in client.status().workers},
            )
            offers = {one.worker_id: one.resources for one in client.status().workers}
        assert tasks_of(client, run)["t"].worker == "w-big"
        assert {name: offers["worker-1"][name] for name in ("cpu", "gpu", "license")} == {
            "cpu": 4,
            "gpu": 1,
            "license": 2,
        }
        assert offers["worker-1"]["memory"] > 100, "the machine's"
        assert offers["w-big"]["gpu"] == 3

    def test_each_gpu_task_sees_devices_of_its_own(
        self, crowded: RunningStack, client: Client, tmp_path: Path
    ) -> None:
        mine, other = (shlex.quote(str(tmp_path / name)) for name in ("pair", "single"))
        meet = "touch {}; until [ -e {} ]; do sleep 0.02; done"
        client.submit_spec(
            bash_dag(
                "devices",
                gpu("pair", 2, "devices", meet.format(mine, other)),
                gpu("single", 1, "devices", meet.format(other, mine)),
                bash("none", "echo none$CUDA_VISIBLE_DEVICES", queue="devices"),
            )
        )
        run = client.trigger("devices")
        with worker(crowded, "w-devices", tmp_path, resources="gpu=3", queues="devices", slots="3"):
            assert_success(client, run)
        (pair, pair_hip), (single, single_hip) = (
            str(client.xcom(run, name)).split("/") for name in ("pair", "single")
        )
        assert (pair, single) == (pair_hip, single_hip)
        assert sorted([*pair.split(","), *single.split(",")]) == ["0", "1", "2"]
        assert client.xcom(run, "none") == "none"


class TestQueues:
    def test_a_queue_has_no_more_than_its_slots_and_the_others_share_the_rest(
        self, client: Client
    ) -> None:
        narrow = [nap(f"narrow{n}", queue="narrow") for n in range(3)]
        wide = [nap(f"wide{n}", queue="other" if n % 2 else "default") for n in range(6)]
        client.submit_spec(bash_dag("queues", *narrow, *wide))
        run = client.trigger("queues")
        assert_success(client, run)
        tasks = tasks_of(client, run)
        assert most_at_once([tasks[one.task_id] for one in narrow]) == 1
        assert most_at_once([tasks[one.task_id] for one in wide]) >= 2
        assert most_at_once(list(tasks.values())) <= 4

    def test_one_full_queue_does_not_keep_another_waiting(self, client: Client) -> None:
        many = [nap(f"many{n}") for n in range(14)]
        client.submit_spec(bash_dag("fair", *many, bash("single", "true", queue="other")))
        run = client.trigger("fair")
        assert_success(client, run)
        tasks = tasks_of(client, run)
        last = max(span(tasks[one.task_id])[0] for one in many)
        assert span(tasks["single"])[0] < last


class TestLanesSurvive:
    def test_a_wiped_nats(self, crowded: RunningStack, client: Client) -> None:
        """With one that runs, one that waits for the same device, and one that nobody can run."""
        client.submit_spec(bash_dag("wiped", gpu("a"), gpu("b"), gpu("never", 9)))
        run = client.trigger("wiped")
        wait_for_event(client, run, "TaskStarted", count=1)
        wipe_nats(crowded)
        eventually(
            "both have run",
            lambda: all(tasks_of(client, run)[name].state == "success" for name in "ab"),
        )
        tasks = tasks_of(client, run)
        assert most_at_once([tasks["a"], tasks["b"]]) == 1
        assert tasks["never"].state == "queued"
        client.cancel(run)
        client.wait(run, timeout_s=60)

    def test_a_killed_scheduler_and_a_killed_worker(
        self, crowded: RunningStack, client: Client
    ) -> None:
        client.submit_spec(bash_dag("killed", gpu("a"), nap("b", "a", resources={"license": 2})))
        run = client.trigger("killed")
        wait_for_event(client, run, "TaskStarted", "a")
        crowded.wait_restarted("scheduler", crowded.kill("scheduler"))
        wait_for_event(client, run, "TaskSucceeded", "a")
        crowded.wait_restarted("worker-1", crowded.kill("worker-1"))
        assert_success(client, run)
        verify_success(crowded, run.run_id)

    def test_a_new_lane_is_served_at_once(self, client: Client) -> None:
        """The worker is told: it does not have to look."""
        client.submit_spec(bash_dag("new", bash("t", "true", resources={"memory": 7, "cpu": 1})))
        began = time.monotonic()
        run = client.trigger("new")
        wait_for_event(client, run, "TaskSucceeded", "t", timeout_s=10)
        assert time.monotonic() - began < 10
