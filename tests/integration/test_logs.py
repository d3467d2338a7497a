"""What tasks print, on its way: on the stream while they run, in the blob store when they are over,
without secrets, bounded, and through the deaths of all who carry it."""

from __future__ import annotations

import asyncio
import base64
import gzip
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from integration.running_stack import (
    ForkedStack,
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.log_lines import (
    LogHeader,
    LogLine,
    decode_log_file,
    decode_log_header,
    decode_log_lines,
    log_path,
    log_subject,
)
from millstream.client import Client, RunRef
from millstream.core.errors import NotFound
from millstream.core.event_parts import Where

Message = tuple[LogHeader, list[LogLine]]


def where_of(run: RunRef, task_id: str, attempt: int = 1) -> Where:
    return Where("default", run.dag_id, run.run_id, task_id, (), attempt)


async def _messages(nats_url: str, subject: str) -> list[Message]:
    """What is on LOGS under a subject now."""
    bus = await Bus.connect(nats_url, "reader")
    found: list[Message] = []
    inbox = bus.new_inbox()

    def take(delivery: Delivery) -> None:
        found.append((decode_log_header(delivery.header), decode_log_lines(delivery.data)))

    try:
        await bus.listen(inbox, take)
        config = {"deliver_subject": inbox, "filter_subject": subject, "ack_policy": "none"}
        made = await bus.jetstream(
            "CONSUMER.CREATE.LOGS", {"stream_name": "LOGS", "config": config}
        )
        waiting = made["num_pending"]
        async with asyncio.timeout(20):
            while len(found) < waiting:  # noqa: ASYNC110 - the handler only collects
                await asyncio.sleep(0.01)
    finally:
        await bus.close()
    return found


def on_stream(stack: RunningStack, where: Where) -> list[Message]:
    return asyncio.run(_messages(stack.nats_url, log_subject(0, "*", where)))


def joined(messages: list[Message]) -> list[LogLine]:
    """The lines as a reader puts them together, who sees that none is missing."""
    lines: list[LogLine] = []
    for header, part in messages:
        assert header.first_line <= len(lines), "a hole"
        lines += part[len(lines) - header.first_line :]
    return lines


def stored(stack: RunningStack, where: Where) -> list[LogLine] | None:
    blobs = FsspecBlobs(str(stack.data_dir / "blobs"))
    try:
        data = asyncio.run(blobs.get_named(log_path(0, where)))
    except NotFound:
        return None
    return decode_log_file(gzip.decompress(data))


def finished(stack: RunningStack, where: Where) -> list[LogLine]:
    """The log in the blob store, when it is there."""
    eventually("the log is stored", lambda: stored(stack, where) is not None)
    lines = stored(stack, where)
    assert lines is not None
    return lines


def texts(lines: list[LogLine], source: str = "stdout") -> list[str]:
    return [line.text for line in lines if line.source == source]


def submit(client: Client, path: Path, code: str) -> None:
    (path / "dags.py").write_text(code)
    client.submit_file(path / "dags.py")


SPEAKS = """
import faulthandler, logging, os, subprocess, sys, time, warnings
from pathlib import Path
from millstream import DAG, task

with DAG("speaks", schedule=None):
    @task
    def all_kinds(gate):
        print("printed")
        logging.getLogger("etl.load").warning("warned\\nof two lines")
        print("between", end="")
        logging.info("informed")
        subprocess.run(["sh", "-c", "echo from a child; echo its error >&2"], check=True)
        print("to stderr", file=sys.stderr)
        sys.stdout.buffer.write(b"\\xff\\x00\\x1b[31mred\\x1b[0m\\n")
        faulthandler.dump_traceback(all_threads=False)
        print("\\r10%|#", end="\\r20%|##", flush=True)
        while not Path(gate).exists():
            time.sleep(0.02)
        print("\\r100%|##########")

    all_kinds("{{ dag_run.conf['gate'] }}")

    @task
    def raises():
        raise KeyError("the reason")

    raises()

    @task
    def crashes():
        print("last words")
        os.abort()

    crashes()

    @task
    def says_nothing():
        return 1

    says_nothing()
"""


class TestOnTheStream:
    def test_all_that_a_task_says(self, stack: RunningStack, tmp_path: Path) -> None:
        client = stack.client()
        submit(client, tmp_path, SPEAKS)
        gate = tmp_path / "gate"
        run = client.trigger("speaks", conf={"gate": str(gate)})
        where = where_of(run, "all_kinds")
        seen: list[LogLine] = []

        def shows_progress() -> bool:
            seen[:] = joined(on_stream(stack, where))
            return "20%|##" in texts(seen)

        # It still runs, and waits for the gate.
        eventually("a line without an end is shown", shows_progress)
        gate.touch()
        client.wait(run)
        lines = finished(stack, where)
        assert lines[: len(seen)] == seen
        assert texts(lines) == [
            "printed",
            "between",
            "from a child",
            "\ufffd\x00\x1b[31mred\x1b[0m",
            "20%|##",
            "100%|##########",
        ]
        said = [(each.level, each.logger, each.text) for each in lines if each.source == "task"]
        assert said == [
            ("WARNING", "etl.load", "warned"),
            ("WARNING", "etl.load", "of two lines"),
            ("INFO", "root", "informed"),
        ]
        order = [line.text for line in lines]
        assert order.index("printed") < order.index("warned") < order.index("between")
        errors = texts(lines, "stderr")
        assert errors[:2] == ["its error", "to stderr"]
        assert any("most recent call first" in text for text in errors)
        notes = texts(lines, "millstream")
        assert notes[0].startswith("Attempt 1 of all_kinds (DAG speaks")
        assert notes[-1].startswith("Succeeded after ")
        assert all(one.at <= other.at for one, other in pairwise(lines[1:]))

        lines = finished(stack, where_of(run, "raises"))
        told = [line.text for line in lines if line.level == "ERROR"]
        assert told[0] == "Traceback (most recent call last):"
        assert any('raise KeyError("the reason")' in text for text in told)
        assert told[-2] == "KeyError: 'the reason'"

        lines = finished(stack, where_of(run, "crashes"))
        assert texts(lines) == ["last words"]
        assert any("Fatal Python error: Aborted" in text for text in texts(lines, "stderr"))
        assert any("SIGABRT" in line.text for line in lines if line.level == "ERROR")

        nothing = where_of(run, "says_nothing")
        assert on_stream(stack, nothing) == []
        assert stored(stack, nothing) is None
        directory = stack.data_dir / "state" / "worker-1" / "logs" / "worker-1"
        eventually("no file is left", lambda: not list(directory.iterdir()))

    def test_a_line_is_there_within_a_second(self, stack: RunningStack, tmp_path: Path) -> None:
        """Each is read while its task still runs: it waits until that is so."""
        client = stack.client()
        gate = tmp_path / "gate"
        command = f"date +%s.%N; until [ -e '{gate}' ]; do sleep 0.02; done"
        client.submit_spec(bash_dag("soon", bash("t", command)))
        run = client.trigger("soon")
        where = where_of(run, "t")
        eventually("the line is there", lambda: bool(texts(joined(on_stream(stack, where)))))
        (line,) = texts(joined(on_stream(stack, where)))
        age = time.time() - float(line)
        gate.touch()
        assert_success(client, run)
        assert age < 5.0, "a tenth of a second, and what a busy machine adds"


COUNTS = "for n in $(seq 1 {count}); do echo line $n; sleep 0.01; done"


class TestOutages:
    def test_nats_is_killed_while_a_task_prints(self, fault_stack: RunningStack) -> None:
        client = fault_stack.client()
        client.submit_spec(bash_dag("counts", bash("t", COUNTS.format(count=400))))
        run = client.trigger("counts")
        where = where_of(run, "t")
        eventually("it prints", lambda: len(texts(joined(on_stream(fault_stack, where)))) > 20)
        victim = fault_stack.kill("nats")
        fault_stack.wait_restarted("nats", victim)
        assert_success(client, run)
        wanted = [f"line {number}" for number in range(1, 401)]
        assert texts(finished(fault_stack, where)) == wanted
        messages = on_stream(fault_stack, where)
        assert texts(joined(messages)) == wanted
        assert messages[-1][0].is_end

    def test_the_worker_is_killed_while_a_task_prints(self, fault_stack: RunningStack) -> None:
        client = fault_stack.client()
        gate = fault_stack.data_dir / "gate"
        command = f"echo said; until [ -e '{gate}' ]; do sleep 0.02; done; echo again"
        client.submit_spec(bash_dag("killed", bash("t", command)))
        run = client.trigger("killed")
        first, second = where_of(run, "t"), where_of(run, "t", 2)
        eventually("it prints", lambda: "said" in texts(joined(on_stream(fault_stack, first))))
        victim = fault_stack.kill("worker-1", signal.SIGKILL)
        fault_stack.wait_restarted("worker-1", victim)
        assert texts(joined(on_stream(fault_stack, first))) == ["said"]
        assert texts(finished(fault_stack, first)) == ["said"], "by its next life"
        gate.touch()
        assert_success(client, run)
        assert texts(finished(fault_stack, second)) == ["said", "again"]


MOST = 1024 * 1024
FLOOD_MB = 200
FLOODS = f"""
import os, sys, time
from millstream import DAG, task

with DAG("floods", schedule=None):
    @task
    def floods():
        chunk = b"a line of what is printed much too often, and is of no use to anybody\\n" * 1000
        for _ in range({FLOOD_MB} * 1024 * 1024 // len(chunk)):
            os.write(1, chunk)
        print("the end", end="")

    floods()

with DAG("quiet", schedule=None):
    @task
    def quiet():
        return 1

    quiet()
"""


def rss_mb(pid: int, what: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) // 1024
    raise AssertionError(what)


@pytest.fixture(scope="class")
def capped_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    stack = ForkedStack(
        tmp_path_factory.mktemp("capped") / "a stack", {"MILLSTREAM_LOG_MAX_BYTES": str(MOST)}
    )
    with stack.running():
        yield stack


class TestCap:
    def test_a_flood(self, capped_stack: RunningStack, tmp_path: Path) -> None:
        stack = capped_stack
        client = stack.client()
        submit(client, tmp_path, FLOODS)
        assert_success(client, client.trigger("quiet"))  # imports are done
        worker = stack.pid("worker-1")
        before = rss_mb(worker, "VmRSS")
        began = time.monotonic()
        flood = client.trigger("floods")
        wait_for_event(client, flood, "TaskStarted")
        beside = []
        while client.get_run(flood).state not in ("success", "failed"):
            one = time.monotonic()
            assert_success(client, client.trigger("quiet"))
            beside.append(time.monotonic() - one)
        took = time.monotonic() - began
        assert_success(client, flood)
        grown = rss_mb(worker, "VmHWM") - before
        print(f"{FLOOD_MB} MB in {took:.1f} s; worker {before} MB, +{grown} MB; beside: {beside}")
        assert stack.pid("worker-1") == worker
        assert grown < 60
        assert all(taken < 10 for taken in beside)
        lines = finished(stack, where_of(flood, "floods"))
        size = sum(len(line.text) + 1 for line in lines)
        assert MOST * 0.99 < size < MOST + 70_000
        assert texts(lines)[-1] == "the end"
        (left_out,) = [line for line in lines if "are left out here" in line.text]
        assert left_out.level == "WARNING"
        kinds = [event.type for event in client.events(flood.run_id, flood.dag_id)]
        assert "TaskLost" not in kinds
        eventually(
            "the stream keeps the last message",
            lambda: len(on_stream(stack, where_of(flood, "floods"))) == 1,
        )


SECRET = "s3cr?t-of->all"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----"
MASKS = f"""
import base64, logging, subprocess, sys, time
from millstream import DAG, Variable, mask_secret, task

KEY = {KEY!r}

with DAG("masks", schedule=None):
    @task
    def masks():
        secret = Variable.get("log_password")
        mask_secret(KEY)
        for piece in ("one: ", secret[:5], secret[5:], "\\n"):
            sys.stdout.write(piece)
            sys.stdout.flush()
        sys.stdout.write("two: " + secret[:7])
        sys.stdout.flush()
        time.sleep(1)
        print(secret[7:])
        for user in ("a", "ab", "abc"):
            pair = f"{{user}}:{{secret}}@host".encode()
            print(base64.b64encode(pair).decode(), base64.urlsafe_b64encode(pair).decode())
        subprocess.run(["sh", "-c", "echo three: $0; echo four: $0 >&2", secret], check=True)
        print(secret.encode().hex())
        print(KEY)
        logging.error("key: %s", KEY)
        print("x" * 65530 + secret)
        raise ValueError(f"{{secret}} and {{KEY!r}}")

    masks()
"""


class TestMasked:
    def test_in_all_shapes(self, stack: RunningStack, tmp_path: Path) -> None:
        client = stack.client()
        client.variables.set("log_password", SECRET)
        submit(client, tmp_path, MASKS)
        run = client.trigger("masks")
        client.wait(run)
        where = where_of(run, "masks")
        lines = finished(stack, where)
        printed = texts(lines)
        assert "one: ***" in printed
        assert printed[printed.index("two: ") + 1] == "***"
        assert "three: ***" in printed
        assert "four: ***" in texts(lines, "stderr")
        whole = "\n".join(line.text for line in lines)
        assert "ValueError: *** and '***'" in whole
        for part in (SECRET[:7], SECRET[7:], *KEY.splitlines()[1:3], SECRET.encode().hex()):
            assert part not in whole
        for before in range(3):
            encoded = base64.b64encode(b"\0" * before + SECRET.encode()).decode()
            assert encoded[4:-4] not in whole
        eventually("all is published", lambda: on_stream(stack, where)[-1][0].is_end)
        assert joined(on_stream(stack, where)) == lines
