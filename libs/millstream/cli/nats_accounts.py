"""``millstream nats-accounts``: the users of a NATS server, and the credentials of each process."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from millstream.adapters.nats_accounts import NatsUser, Role

CONFIG = "accounts.conf"
MOST_PROCESSES = 64
Names = list[str] | None


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("nats-accounts", rich_help_panel="One service")(nats_accounts)


def nats_accounts(
    folder: Annotated[Path, typer.Argument(help="Where the files go; made if it is missing.")],
    server: Annotated[
        list[str], typer.Option(help="HOST:PORT of a NATS server; again for each of a cluster.")
    ],
    scheduler: Annotated[Names, typer.Option(help="MILLSTREAM_INSTANCE of a scheduler.")] = None,
    projector: Annotated[Names, typer.Option(help="MILLSTREAM_INSTANCE of a projector.")] = None,
    api: Annotated[
        Names,
        typer.Option(help="MILLSTREAM_INSTANCE of an api, or NAME=4 for one of four processes."),
    ] = None,
    worker: Annotated[
        Names,
        typer.Option(help="MILLSTREAM_INSTANCE of a worker, or NAME=QUEUE,QUEUE to hold it to."),
    ] = None,
    shard: Annotated[int, typer.Option(min=0, help="Which shard.")] = 0,
) -> None:
    """Write accounts.conf for NATS, and NAME.env with the credentials of each process.

    A process that has its file already keeps its password, so that workers can be added later.
    """
    from millstream.adapters.nats_accounts import accounts_text
    from millstream.embedded.privatefile import make_private_dir, write_private

    make_private_dir(folder)
    wanted: list[tuple[Role, str]] = [("admin", "operator")]
    wanted += [("scheduler", name) for name in scheduler or ["scheduler-1"]]
    wanted += [("projector", name) for name in projector or ["projector-1"]]
    wanted += [("api", name) for name in api or ["api-1"]]
    wanted += [("worker", name) for name in worker or ["worker-1"]]
    users = [_user(folder, role, text) for role, text in wanted]
    for user in users:
        hosts = ",".join(server)
        lines = [f"MILLSTREAM_NATS_URL=nats://{user.login}:{user.password}@{hosts}"]
        lines += [] if user.role == "admin" else [f"MILLSTREAM_INSTANCE={user.name}"]
        lines += [f"MILLSTREAM_API_PROCESSES={user.processes}"] if user.processes > 1 else []
        write_private(_file(folder, user), "".join(f"{line}\n" for line in lines).encode())
    write_private(folder / CONFIG, accounts_text(users, shard).encode())
    typer.echo(f"{folder / CONFIG}: include it in the server's configuration, and reload that.")
    for user in users:
        typer.echo(f"{_file(folder, user)}: {user.role} {user.name}")


def _user(folder: Path, role: Role, text: str) -> NatsUser:
    import msgspec

    from millstream.adapters.nats_accounts import NatsUser
    from millstream.adapters.settings import check_name

    name, _, more = text.partition("=")
    lanes = tuple(queue for queue in more.split(",") if queue) if role != "api" else ()
    processes = _count(more) if role == "api" and more else 1
    for part in (name, *lanes):
        check_name(part)
    user = NatsUser(role=role, name=name, password="", lanes=lanes, processes=processes)
    try:
        before = _file(folder, user).read_text()
        password = before.split("://", 1)[1].split("@", 1)[0].rpartition(":")[2]
    except (OSError, IndexError):
        password = secrets.token_urlsafe(24)
    return msgspec.structs.replace(user, password=password)


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_PROCESSES:
        return int(text)
    raise typer.BadParameter(
        f"{text!r} is no number of processes; it must be 1 to {MOST_PROCESSES}", param_hint="--api"
    )


def _file(folder: Path, user: NatsUser) -> Path:
    return folder / f"{user.login}.env"
