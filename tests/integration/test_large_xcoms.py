"""Large values between real processes: no service holds them, wherever the blob store is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.running_stack import (
    ForkedStack,
    RunningStack,
    assert_success,
    eventually,
    wait_for_event,
)
from integration.s3_server import BUCKET, CREDENTIALS, Proxy, S3Server
from millstream.client import Client, RunRef

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

MB = 1024 * 1024
FRAME_MB = 198  # 2.6 million rows of 10 floats
SERVICES = ("api", "scheduler", "projector", "worker-1")

DAG_FILE = '''\
import datetime
import os
import time

import numpy as np
import pandas as pd

from millstream import DAG, task


def peak_mb(what="VmHWM"):
    """Of this process, since the last reset."""
    with open("/proc/self/status") as status:
        found = next(line for line in status if line.startswith(what))
    return int(found.split()[1]) // 1024


class Watch:
    def __init__(self):
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        self.before, self.began = peak_mb(), time.monotonic()

    def facts(self):
        return {"mb": peak_mb() - self.before, "s": round(time.monotonic() - self.began, 2)}


with DAG(dag_id="large_frame", schedule=None):

    @task
    def makes(ti):
        frame = pd.DataFrame({c: np.arange(2_600_000) * 1.5 for c in "abcdefghij"})
        frame.loc[3, "a"] = np.nan
        ti.xcom_push("warm", frame.head(10))
        watch = Watch()
        ti.xcom_push("frame", frame)
        return watch.facts()

    @task
    def takes(ti):
        ti.xcom_pull("makes", key="warm")
        watch = Watch()
        frame = ti.xcom_pull("makes", key="frame")
        facts = watch.facts()
        assert frame.shape == (2_600_000, 10)
        assert np.isnan(frame.loc[3, "a"])
        assert frame["j"].iloc[-1] == 2_599_999 * 1.5
        frame.loc[0, "a"] = 7.0
        return facts

    makes() >> takes()


with DAG(dag_id="environment", schedule=None):

    @task
    def shows():
        return sorted(name for name in os.environ if "AWS" in name or "MILLSTREAM" in name)

    shows()


with DAG(dag_id="large_array", schedule=None):

    @task
    def array():
        return np.arange(1_000_000)

    @task
    def adds(values):
        return int(values.sum())

    adds(array())


with DAG(dag_id="waits_in_vain", schedule=None):

    @task(execution_timeout=datetime.timedelta(seconds=5))
    def reads(name, ti):
        ti.xcom_pull("array", dag_id="large_array", run_id=name)

    reads("{{ dag_run.conf['run_id'] }}")
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a folder")
    (folder / "large.py").write_text(DAG_FILE)
    return folder


@pytest.fixture(scope="module")
def s3_stack(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Everything, with the blobs on S3 behind a proxy."""
    proxy = Proxy(s3.port)
    environment = CREDENTIALS | {
        "MILLSTREAM_BLOB_URL": f"s3://{BUCKET}/a stack",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}",
    }
    running = ForkedStack(tmp_path_factory.mktemp("large") / "a stack", environment)
    running.proxy = proxy  # type: ignore[attr-defined]
    try:
        running.up()
        yield running
    finally:
        running.down()
        proxy.close()


def memory_mb(stack: RunningStack, name: str) -> int:
    """The peak of a service since the last reset."""
    status = Path(f"/proc/{stack.pid(name)}/status").read_text()
    return next(int(x.split()[1]) // 1024 for x in status.splitlines() if x.startswith("VmHWM"))


def reset_peaks(stack: RunningStack) -> dict[str, int]:
    for name in SERVICES:
        Path(f"/proc/{stack.pid(name)}/clear_refs").write_text("5")
    return {name: memory_mb(stack, name) for name in SERVICES}


def passes_a_frame(stack: RunningStack, client: Client) -> None:
    before = reset_peaks(stack)
    run = client.trigger("large_frame")
    assert_success(client, run)
    grown = {name: memory_mb(stack, name) - before[name] for name in SERVICES}
    done = client.get_run(run)
    made, taken = client.xcom(done, "makes"), client.xcom(done, "takes")
    print(json.dumps({"services_mb": grown, "writer": made, "reader": taken}))
    assert max(grown.values()) < FRAME_MB / 2, grown
    assert made["mb"] < FRAME_MB / 2, made
    # the mapped file, which the kernel may forget, and the frame itself
    assert taken["mb"] < FRAME_MB * 2.6, taken
    (stored,) = (xcom for xcom in client.xcoms(run) if xcom.key == "frame")
    assert stored.size > FRAME_MB * MB
    assert stored.codec == "packed:pandas.DataFrame"


def result(client: Client, run: RunRef, task_id: str) -> Any:
    assert_success(client, run)
    return client.xcom(client.get_run(run), task_id)


def test_a_frame_of_200_mb_passes_through_no_service(stack: RunningStack, folder: Path) -> None:
    client = stack.client()
    client.submit_file(folder / "large.py")
    passes_a_frame(stack, client)
    assert scratch_of(stack) == []


def scratch_of(stack: RunningStack) -> list[str]:
    return [path.name for path in stack.data_dir.rglob("scratch/*/*") if path.is_file()]


class TestOnS3:
    def test_bundles_and_values_pass_through_it(
        self, s3: S3Server, s3_stack: RunningStack, folder: Path
    ) -> None:
        client = s3_stack.client()
        client.submit_file(folder / "large.py")
        assert result(client, client.trigger("large_array"), "adds") == 499_999_500_000
        stored = s3.files().find(f"{BUCKET}/a stack", detail=True)
        assert any(each["size"] > 8_000_000 for each in stored.values())
        assert not any((s3_stack.data_dir / "blobs").glob("*/*"))

    def test_tasks_do_not_see_the_credentials(self, s3_stack: RunningStack) -> None:
        client = s3_stack.client()
        names = result(client, client.trigger("environment"), "shows")
        assert "AWS_ENDPOINT_URL" in names
        secret = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MILLSTREAM_BLOB_URL"}
        assert secret.isdisjoint(names)

    @pytest.mark.soak
    def test_a_frame_of_200_mb_passes_through_no_service(
        self, s3_stack: RunningStack, folder: Path
    ) -> None:
        client = s3_stack.client()
        client.submit_file(folder / "large.py")
        passes_a_frame(s3_stack, client)
        assert scratch_of(s3_stack) == []

    def test_what_comes_when_nobody_waits_any_more_is_removed(self, s3_stack: RunningStack) -> None:
        proxy: Proxy = s3_stack.proxy  # type: ignore[attr-defined]
        client = s3_stack.client()
        done = client.trigger("large_array")
        assert_success(client, done)
        proxy.is_refusing = True
        run = client.trigger("waits_in_vain", {"run_id": done.run_id})
        assert client.wait(run, timeout_s=30).state == "failed"
        before = proxy.passed
        proxy.is_refusing = False
        eventually("the worker fetches it", lambda: proxy.passed - before > 8_000_000)
        eventually("and removes it", lambda: scratch_of(s3_stack) == [])

    def test_a_task_waits_for_a_store_that_is_away(self, s3_stack: RunningStack) -> None:
        proxy: Proxy = s3_stack.proxy  # type: ignore[attr-defined]
        client = s3_stack.client()
        proxy.is_refusing = True
        run = client.trigger("large_array")
        wait_for_event(client, run, "TaskReady", "array")
        eventually("the worker tries", lambda: "blob_store_failed" in s3_stack.log("worker-1"))
        proxy.is_refusing = False
        assert result(client, run, "adds") == 499_999_500_000
