"""``millstream dev FILE``: submit the file at each save, and run it while you watch."""

from __future__ import annotations

import contextlib
import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millstream.cli.options import asks

if TYPE_CHECKING:
    from rich.console import Console

    from millstream.cli.progress import RunProgress
    from millstream.client import Client, RunHandle

LOOK_S = 0.3


@asks
def dev(
    client: Client,
    file: Annotated[
        Path, typer.Argument(help="The DAG file to work on.", exists=True, dir_okay=False)
    ],
    root: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, exists=True, help="Its project.", show_default="that of the file"
        ),
    ] = None,
    dag: Annotated[
        str, typer.Option(help="Of several DAGs, run this one.", show_default="all")
    ] = "",
    conf: Annotated[str, typer.Option(help="A JSON object for the tasks.")] = "",
    run: Annotated[bool, typer.Option(help="Run the DAG at each save, or only submit it.")] = True,
) -> None:
    """Work on a DAG file: at each save it is submitted, what is wrong with it is shown at once, and
    it is run while you watch. A run that still goes on then is cancelled. Ctrl-C ends it."""
    from millstream.cli.trigger import parse_conf
    from millstream.client.dag_folder import DagFolder

    file = file.resolve()
    base = root.resolve() if root is not None else file.parent
    if not file.is_relative_to(base):
        raise typer.BadParameter(f"{file} is not in {base}", param_hint="--root")
    workbench = _Workbench(client, dag, parse_conf(conf) or {}, is_running=run)
    folder = DagFolder(
        client,
        base,
        workbench.say,
        only=[file.relative_to(base).as_posix()],
        on_sent=workbench.sent,
    )
    watching = threading.Thread(target=folder.run, name="watch", daemon=True)
    with contextlib.closing(folder):
        watching.start()
        workbench.work()


class _Workbench:
    """Takes what the watching thread has to say, and runs what it submitted."""

    def __init__(self, client: Client, dag: str, conf: dict[str, Any], *, is_running: bool) -> None:
        from millstream.cli.output import make_console

        self._client = client
        self._dag = dag
        self._conf = conf
        self._is_running = is_running
        self._console: Console = make_console()
        self._inbox: queue.SimpleQueue[str | list[str]] = queue.SimpleQueue()

    def say(self, line: str) -> None:
        self._inbox.put(line)

    def sent(self, dag_ids: list[str]) -> None:
        self._inbox.put(dag_ids)

    def work(self) -> None:
        while True:
            message = self._inbox.get()
            if isinstance(message, str):
                self._print(message)
            elif self._is_running:
                for dag_id in message:
                    if dag_id == self._dag or not self._dag:
                        self._run(dag_id)

    def _print(self, line: str) -> None:
        from millstream.cli.output import harmless

        is_wrong = ": DAG " not in line
        self._console.print(harmless(line), style="red" if is_wrong else "", markup=False)

    def _run(self, dag_id: str) -> None:
        from rich.live import Live

        from millstream.cli.output import instance_name
        from millstream.cli.progress import FRAMES_PER_S, RunProgress, line_printer, render
        from millstream.cli.runs import tell_failures
        from millstream.core.errors import MillstreamError

        try:
            run = self._client.trigger(dag_id, self._conf)
            tasks = run.tasks()
            names = [instance_name(task.task_id, task.map_index) for task in tasks]
            progress = RunProgress(dag_id, run.run_id, names)
            if self._console.is_terminal:
                with Live(
                    get_renderable=lambda: render(progress, self._console),
                    console=self._console,
                    refresh_per_second=FRAMES_PER_S,
                ):
                    is_over = self._follow(run, progress, lambda task, event: None)
            else:
                is_over = self._follow(run, progress, line_printer(self._console))
            if is_over:
                done = run.get()
                if done.state != "success":
                    tell_failures(self._console, done, run.tasks())
            else:
                run.cancel(note="its file has changed")
                self._console.print(f"Run {run.run_id} is cancelled: the file has changed.")
        except MillstreamError as error:
            self._print(str(error))

    def _follow(self, run: RunHandle, progress: RunProgress, tell: Any) -> bool:
        """Until the run is over, or False if the file changes before."""
        from millstream.client import WaitTimeout

        position = 0
        while True:
            try:
                for event in run.watch(from_position=position, timeout_s=LOOK_S):
                    position = event.position + 1
                    tell(progress.apply(event), event)
                return True
            except WaitTimeout:
                if not self._inbox.empty():
                    return False
