"""Bundles that name packages: each runs in an environment made for it, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.running_stack import RunningStack, assert_success, bash, bash_dag, eventually
from millstream.client import Client, RunRef
from tiny_wheels import write_clash, write_slow_source

pytestmark = pytest.mark.integration

DAG = """
import sys
from millstream import DAG, BaseOperator, BaseTrigger, BashOperator, TriggerEvent, task

class Version(BaseTrigger):
    def serialize(self):
        return f"{{type(self).__module__}}.Version", {{}}

    async def run(self):
        import tinyclash
        yield TriggerEvent([tinyclash.VERSION, sys.prefix])

class Waits(BaseOperator):
    def execute(self, context):
        self.defer(trigger=Version(), method_name="go_on")

    def go_on(self, context, event):
        return event

with DAG({dag_id!r}) as dag:
    @task
    def version():
        import tinyclash
        return [tinyclash.VERSION, sys.prefix]

    @task
    async def without_a_slot():
        import tinyclash
        return [tinyclash.VERSION, sys.prefix]

    version()
    without_a_slot()
    Waits(task_id="waits")
    command = "import tinyclash; print(tinyclash.VERSION)"
    BashOperator(task_id="command", bash_command=f"python -c '{{command}}'")
"""
HEADER = """\
# /// script
# requires-python = ">=3.11"
# dependencies = ["tinyclash<1.2"]
# [tool.uv]
# find-links = ["wheels"]
# no-index = true
# ///
"""
REQUIREMENTS = "tinyclash>=2\n--find-links ./wheels\n--no-index\n"
PROJECT = """\
[project]
name = "mine"
version = "1"
requires-python = ">=3.11"
dependencies = ["tinyclash==1.5"]
[tool.uv]
find-links = ["wheels"]
no-index = true
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Of executed services: a fork of a process that has imported uvloop does not always hear of
    the end of the commands that it runs."""
    with RunningStack(tmp_path_factory.mktemp("environments") / "a stack").running() as running:
        yield running


def project(folder: Path, dag_id: str, header: str = "", **files: str) -> Path:
    """A DAG file with wheels beside it and what else its project holds."""
    for version in ("1.0", "1.5", "2.0"):
        write_clash(folder / "wheels", version)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    (folder / "dag.py").write_text(header + DAG.format(dag_id=dag_id))
    return folder / "dag.py"


def environments(stack: RunningStack) -> set[str]:
    found = stack.data_dir.glob("state/*/environments/*")
    return {path.name for path in found if not path.name.startswith(".") and path.is_dir()}


def failure(client: Client, run: RunRef, task_id: str) -> str:
    """Why a task failed."""
    ended = client.wait(run, timeout_s=60)
    assert ended.state == "failed"
    events = client.events(run.run_id, run.dag_id)
    return next(
        event.data_json
        for event in events
        if event.type == "TaskFailed" and event.task_id == task_id
    )


def test_two_dags_with_versions_that_conflict_run_on_one_worker(
    stack: RunningStack, tmp_path: Path
) -> None:
    client = stack.client()
    client.submit_file(project(tmp_path / "a", "clash_a", HEADER))
    client.submit_file(project(tmp_path / "b", "clash_b", requirements_txt=REQUIREMENTS))
    client.submit_file(project(tmp_path / "c", "clash_c", pyproject_toml=PROJECT))
    runs = [client.trigger(f"clash_{name}") for name in "abc"]
    versions = {}
    for run in runs:
        assert_success(client, run)
        versions[run.dag_id], prefix = client.xcom(run, "version")
        assert prefix.startswith(str(stack.data_dir)), "in an environment of its own"
        for other in ("waits", "without_a_slot"):
            assert client.xcom(run, other) == [versions[run.dag_id], prefix]
        assert client.xcom(run, "command") == versions[run.dag_id], "commands find it as well"
    assert versions == {"clash_a": "1.0", "clash_b": "2.0", "clash_c": "1.5"}


def test_what_cannot_be_had_is_said_in_the_words_of_uv(stack: RunningStack, tmp_path: Path) -> None:
    client = stack.client()
    wanted = "tinyclash==9\n--find-links ./wheels\n--no-index\n"
    wanted += "--extra-index-url https://me:planted@127.0.0.1:1/simple\n"
    client.submit_file(project(tmp_path / "a", "missing", requirements_txt=wanted))
    said = failure(client, client.trigger("missing"), "version")
    assert "Locking requirements.txt failed" in said
    assert "tinyclash==9" in said
    assert "planted" not in said
    asked = HEADER.replace(">=3.11", ">=3.99")
    client.submit_file(project(tmp_path / "b", "no_python", asked))
    said = failure(client, client.trigger("no_python"), "version")
    assert "dag.py asks for Python >=3.99; this worker runs 3." in said


TASKS = """
from millstream import DAG, task

with DAG("of_tasks") as dag:
    @task.virtualenv(
        requirements=["tinyclash"],
        pip_install_options=["--no-index", "--find-links", {wheels!r}],
        system_site_packages=False,
    )
    def version(number):
        import sys
        import tinyclash
        return [tinyclash.VERSION, sys.prefix]

    version.expand(number=[1, 2, 3, 4])
"""


def test_the_environment_of_tasks_is_made_once(stack: RunningStack, tmp_path: Path) -> None:
    client = stack.client()
    wheels = write_clash(tmp_path / "wheels", "3.0").parent
    (tmp_path / "tasks.py").write_text(TASKS.format(wheels=str(wheels)))
    before = environments(stack)
    client.submit_file(tmp_path / "tasks.py")
    run = client.trigger("of_tasks")
    assert_success(client, run)
    (made,) = environments(stack) - before
    for index in range(4):
        version, prefix = client.xcom(run, "version", map_index=(index,))
        assert (version, Path(prefix).name) == ("3.0", made)


SLOW = """
from millstream import DAG, task

with DAG({dag_id!r}) as dag:
    @task
    def use(number):
        import tinyslow
        return number

    use.expand(number=[1, 2, 3, 4])
"""


def slow_project(folder: Path, dag_id: str, place: Path) -> Path:
    write_slow_source(folder / "slow", place)
    (folder / "requirements.txt").write_text("./slow\n--no-index\n")
    (folder / "dag.py").write_text(SLOW.format(dag_id=dag_id))
    return folder / "dag.py"


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_while_an_environment_is_made_other_tasks_run(stack: RunningStack, tmp_path: Path) -> None:
    client, place = stack.client(), tmp_path / "place"
    before = environments(stack)
    client.submit_file(slow_project(tmp_path / "slow", "slow_one", place))
    run = client.trigger("slow_one")
    eventually("it is being made", (place / "begun").exists)
    client.submit_spec(bash_dag("meanwhile", bash("a", "true"), bash("b", "true", "a")))
    assert_success(client, client.trigger("meanwhile"))
    assert client.get_run(run).state == "running"
    (place / "go on").touch()
    assert_success(client, run)
    assert len(environments(stack) - before) == 1, "made once for all four"


def test_a_run_that_is_cancelled_while_its_environment_is_made(
    stack: RunningStack, tmp_path: Path
) -> None:
    client, place = stack.client(), tmp_path / "place"
    before = environments(stack)
    client.submit_file(slow_project(tmp_path / "slow", "slow_two", place))
    run = client.trigger("slow_two")
    eventually("it is being made", lambda: bool(_read(place / "begun")))
    builder = int(_read(place / "begun"))
    client.cancel(run)
    client.wait(run, timeout_s=30)
    eventually("nobody makes it any more", lambda: not is_alive(builder))
    eventually("nothing half made is left", lambda: environments(stack) == before)
    (place / "go on").touch()
    again = client.trigger("slow_two")
    assert_success(client, again)


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
