"""``millstream up``, ``down`` and ``status``: everything on this machine."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millstream.cli.dev import dev
from millstream.cli.options import Json

if TYPE_CHECKING:
    from millstream.embedded.statefile import UpState

EXIT_NOT_RUNNING = 3
NEVER_S = 90.0
LOOK_S = 0.2

DataDir = Annotated[
    Path,
    typer.Option(
        envvar="MILLSTREAM_DATA_DIR", file_okay=False, help="Where everything is kept on disk."
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command()(up)
    app.command()(dev)
    app.command()(down)
    app.command()(status)


def up(
    data_dir: DataDir = Path(".millstream"),
    grpc_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the api; 0: 27800, or a free one.")
    ] = 0,
    http_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the web page; 0: 27880, or a free one.")
    ] = 0,
    workers: Annotated[int, typer.Option(min=0, help="How many worker processes.")] = 1,
    slots: Annotated[int, typer.Option(min=0, help="Tasks at once per worker; 0: by CPUs.")] = 0,
    dags: Annotated[
        Path | None,
        typer.Option(
            help="Keep the DAGs of this folder submitted as its files change.",
            exists=True,
            file_okay=False,
            envvar="MILLSTREAM_DAGS",
        ),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Run in the background.")] = False,
    json: Json = False,
) -> None:
    """Run Millstream on this machine, with its own NATS and Postgres."""
    from millstream.embedded.stack import Options

    options = Options(
        data_dir=data_dir,
        grpc_port=grpc_port,
        http_port=http_port,
        workers=workers,
        slots=slots,
        dags=dags,
    )

    began = time.time()

    def show(state: UpState) -> None:
        if json:
            _print_json(_addresses(state))
        else:
            _show(state, is_detached=detach)
            if dags is not None and not detach:
                echo_log(Path(state.data_dir) / "logs" / "dags.log", began)

    if detach:
        from millstream.embedded.daemon import run_detached

        show(run_detached(options, _tell))
    else:
        from millstream.embedded.run import run_up

        run_up(options, show, _tell)


def echo_log(path: Path, since: float) -> None:
    """Show what a process says of the DAG files, as it says it."""

    def follow() -> None:
        offset = 0
        while True:
            with contextlib.suppress(OSError):
                if path.stat().st_mtime >= since:
                    with path.open("rb") as file:
                        file.seek(offset)
                        text = file.read()
                    whole = text[: text.rfind(b"\n") + 1]
                    offset += len(whole)
                    typer.echo(whole.decode(errors="replace"), nl=False)
            time.sleep(LOOK_S)

    threading.Thread(target=follow, name="echo-dags", daemon=True).start()


def down(data_dir: DataDir = Path(".millstream"), json: Json = False) -> None:
    """Stop what `millstream up` started, and wait until it is gone."""
    from millstream.embedded.daemon import stop_running

    pid = stop_running(data_dir, NEVER_S)
    if json:
        _print_json({"stopped": pid is not None, "pid": pid, "data_dir": str(data_dir)})
    elif pid is None:
        typer.echo(f"Millstream does not run on {data_dir}.")
    else:
        typer.echo(f"Millstream on {data_dir} is stopped (pid {pid}).")


def status(
    data_dir: DataDir = Path(".millstream"),
    json: Json = False,
) -> None:
    """Show what runs. Exit code 3 if nothing does."""
    from millstream.embedded.statefile import read_state

    state = read_state(data_dir)
    if state is None:
        if json:
            _print_json({"running": False, "data_dir": str(data_dir)})
        else:
            typer.echo(f"Millstream does not run on {data_dir}.")
        raise typer.Exit(EXIT_NOT_RUNNING)
    api = _api_status(state.grpc_address, data_dir)
    facts = {
        "running": True,
        "ready": state.is_ready,
        **_addresses(state),
        "processes": [
            {
                "name": process.name,
                "state": process.state,
                "pid": process.pid,
                "restarts": process.restarts,
                "last_exit": process.last_exit,
            }
            for process in state.processes
        ],
        "api": api,
    }
    if json:
        _print_json(facts)
        return
    typer.echo(f"Millstream {state.version} (pid {state.pid}) on {state.data_dir}")
    typer.echo(f"gRPC {state.grpc_address}   web http://{state.http_address}")
    for process in state.processes:
        line = f"  {process.name:<12} {process.state:<9} pid {process.pid:<8}"
        typer.echo(f"{line} restarts {process.restarts}  {process.last_exit}".rstrip())
    if api is None:
        typer.echo("The api does not answer.")
    else:
        typer.echo(
            f"log position {api['log_position']}, read tables at {api['projected_position']}, "
            f"workers {len(api['workers'])}"
        )


def _api_status(address: str, data_dir: Path) -> dict[str, Any] | None:
    """What ``SystemService`` says within two seconds."""
    import grpc

    from millstream.client.target import from_environment
    from millstream.rpc.v1 import system_pb2, system_pb2_grpc

    target = from_environment(address, data_dir)
    with grpc.insecure_channel(address) as channel:
        stub: Any = system_pb2_grpc.SystemServiceStub(channel)  # type: ignore[no-untyped-call]
        try:
            answer = stub.GetStatus(
                system_pb2.GetStatusRequest(), timeout=2.0, metadata=target.metadata()
            )
        except grpc.RpcError:
            return None
    return {
        "version": answer.version,
        "log_position": answer.log_position,
        "projected_position": answer.projected_position,
        "epoch": answer.epoch,
        "nats_is_connected": answer.nats_is_connected,
        "workers": [
            {
                "worker_id": worker.worker_id,
                "queues": list(worker.queues),
                "slots": worker.slots,
                "busy": worker.busy,
                "resources": dict(sorted(worker.resources.items())),
            }
            for worker in answer.workers
        ],
    }


def _addresses(state: UpState) -> dict[str, Any]:
    """What somebody needs who wants to talk to it."""
    return {
        "pid": state.pid,
        "version": state.version,
        "data_dir": state.data_dir,
        "started_at": state.started_at,
        "grpc_address": state.grpc_address,
        "http_address": state.http_address,
    }


def _print_json(facts: dict[str, Any]) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(facts).decode())


def _tell(sentence: str) -> None:
    typer.echo(sentence, err=True)


def _show(state: UpState, *, is_detached: bool) -> None:
    lines = [
        f"gRPC  {state.grpc_address}",
        f"web   http://{state.http_address}",
        f"data  {state.data_dir}",
    ]
    lines.append("stop  millstream down" if is_detached else "stop  Ctrl-C")
    if not sys.stdout.isatty():
        typer.echo("\n".join([f"Millstream {state.version} is ready.", *lines]))
        return
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    title = f"Millstream {state.version} is ready"
    Console().print(Panel(Text("\n".join(lines)), title=title, expand=False))
