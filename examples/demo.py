"""``make demo``: the whole of Millstream on this machine in half a minute.

Starts everything on embedded NATS and Postgres in a directory of its own, submits the retraining
DAG and the bash DAG, runs them while you watch, shows what each task took and handed on, prints the
run's event log, folds the log into a second set of read tables and compares every row. Then it
stops everything. The exit code is 0 only if all of that went well.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from millstream.cli.output import duration, make_table, state_text
from millstream.cli.progress import follow_run
from millstream.client import Client, Run

EXAMPLES = Path(__file__).resolve().parent
SHOWN_XCOM = 44
RUN_TIMEOUT_S = 300.0

console = Console()


def main() -> int:
    parser = argparse.ArgumentParser(description="Run Millstream's demo.")
    parser.add_argument(
        "--data-dir", type=Path, help="keep the data here (default: a temporary directory)"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("millstream-demo"), help="where the model goes"
    )
    parsed = parser.parse_args()
    os.environ["MILLSTREAM_DEMO_DIR"] = str(parsed.output.resolve())
    if parsed.data_dir is not None:
        return demo(parsed.data_dir.resolve())
    with tempfile.TemporaryDirectory(prefix="millstream-demo-") as directory:
        return demo(Path(directory))


def demo(data_dir: Path) -> int:
    """The whole demo; 0 if all went well."""
    chapter("Start NATS, Postgres and the five services")
    if millstream("up", "--detach", "--data-dir", str(data_dir)) != 0:
        return 1
    try:
        with Client(data_dir=data_dir) as client:
            retraining = run(client, "ml_retraining.py", "ml_retraining_pipeline")
            bash = run(client, "bash_pipeline.py", "bash_pipeline")
            chapter("The event log of the retraining run, which is the truth")
            show_events(client, retraining)
        chapter("Fold the log into a second set of read tables and compare every row")
        is_equal = millstream("rebuild", "--verify", "--data-dir", str(data_dir)) == 0
    finally:
        chapter("Stop everything")
        is_stopped = millstream("down", "--data-dir", str(data_dir)) == 0
    model = Path(os.environ["MILLSTREAM_DEMO_DIR"]) / "deployed" / "model.joblib"
    is_deployed = model.is_file()
    is_good = (
        retraining.state == bash.state == "success" and is_equal and is_stopped and is_deployed
    )
    if is_deployed:
        console.print(f"The deployed model: {model} ({model.stat().st_size} bytes)", soft_wrap=True)
    console.print("[green]The demo went well.[/]" if is_good else "[red]The demo FAILED.[/]")
    return 0 if is_good else 1


def run(client: Client, file: str, dag_id: str) -> Run:
    """Submit a file, run its DAG while the terminal shows it, and show what came out."""
    chapter(f"Run examples/{file}")
    for submitted in client.submit_file(EXAMPLES / file):
        console.print(f"Submitted {submitted.dag_id}, version {submitted.version}.")
    finished = follow_run(client, client.trigger(dag_id), console, RUN_TIMEOUT_S)
    xcoms = {(xcom.task_id, xcom.key): xcom for xcom in client.xcoms(finished)}
    rows = []
    for task in client.list_task_instances(finished):
        xcom = xcoms.get((task.task_id, "return_value"))
        shown = "" if xcom is None else describe(client.xcom(finished, task.task_id))
        rows.append(
            (
                Text(task.task_id),
                state_text(task.state, console),
                duration(task.started_at, task.ended_at),
                Text(
                    shown if len(shown) <= SHOWN_XCOM else f"...{shown[-SHOWN_XCOM:]}", no_wrap=True
                ),
            )
        )
    console.print(make_table(("task", "state", "time", "XCom"), rows))
    if finished.state != "success":
        console.print(f"[red]{finished.reason}[/]")
    return finished


def describe(value: Any) -> str:
    """A value in one short line: the last parts of a path, numbers to four digits."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {describe(item)}" for name, item in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str) and value.startswith("/"):
        return Path(value).name
    return str(value)


def show_events(client: Client, finished: Run) -> None:
    """Every event of the run, with what it was caused by and the start of its digest."""
    rows = [
        (
            str(event.position),
            f"{event.recorded_at:%H:%M:%S.%f}"[:-3],
            event.type,
            Text(f"{event.task_id} #{event.attempt}" if event.task_id else ""),
            event.actor,
            event.digest[:16],
        )
        for event in client.events(finished.run_id, finished.dag_id)
    ]
    console.print(make_table(("position", "at", "event", "task", "by", "digest"), rows))


def chapter(title: str) -> None:
    console.print()
    console.print(Rule(title, align="left"))


def millstream(*arguments: str) -> int:
    """A command as a person would type it; its exit code."""
    console.print(Text(f"$ millstream {' '.join(arguments)}", style="dim"), soft_wrap=True)
    sys.stdout.flush()
    command = [sys.executable, "-P", "-m", "millstream.cli", *arguments]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
