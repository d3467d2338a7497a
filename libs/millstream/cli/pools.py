"""``millstream pools``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, asks

if TYPE_CHECKING:
    from millstream.client import Client
    from millstream.client.pools import Pool

app = typer.Typer(help="Pools: how many tasks may run at a time.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="pools")


@app.command("list")
@asks
def list_pools(
    client: Client,
    json: Json = False,
) -> None:
    """List the pools with their slots: taken, wanted and free."""
    _show(list(client.pools.list()), json=json)


@app.command("get")
@asks
def get_pool(
    client: Client,
    name: Annotated[str, typer.Argument(help="The pool.")],
    json: Json = False,
) -> None:
    """Show one pool."""
    _show([client.pools.get(name)], json=json)


@app.command("set", context_settings={"ignore_unknown_options": True})
@asks
def set_pool(
    client: Client,
    name: Annotated[str, typer.Argument(help="The pool.")],
    slots: Annotated[int, typer.Argument(help="How many slots; -1: as many as anybody wants.")],
    description: Annotated[str, typer.Argument(help="What it is for.")] = "",
    include_deferred: Annotated[
        bool, typer.Option("--include-deferred", help="Deferred tasks take slots too.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a pool, or change one."""
    from millstream.cli.output import print_json

    position = client.pools.set(
        name, slots, description=description, include_deferred=include_deferred
    )
    if json:
        print_json({"name": name, "slots": slots, "position": position})
    else:
        shown = "as many slots as anybody wants" if slots < 0 else f"{slots} slots"
        typer.echo(f"Pool {name} has {shown}.")


@app.command("delete")
@asks
def delete_pool(
    client: Client,
    name: Annotated[str, typer.Argument(help="The pool.")],
    json: Json = False,
) -> None:
    """Delete a pool. Tasks that name it wait until it is there again."""
    from millstream.cli.output import print_json

    position = client.pools.delete(name)
    if json:
        print_json({"name": name, "position": position})
    else:
        typer.echo(f"Pool {name} is gone.")


def _show(pools: list[Pool], *, json: bool) -> None:
    import msgspec

    from millstream.cli.output import make_console, make_table, print_json

    if json:
        for pool in pools:
            print_json(msgspec.to_builtins(pool))
        return
    rows = [
        (
            pool.name,
            "unlimited" if pool.slots < 0 else str(pool.slots),
            str(pool.running_slots),
            str(pool.queued_slots),
            f"{pool.deferred_slots}{'' if pool.include_deferred else ' (not counted)'}"
            if pool.deferred_slots
            else "0",
            str(pool.scheduled_slots),
            "unlimited" if pool.open_slots < 0 else str(pool.open_slots),
            pool.description,
        )
        for pool in pools
    ]
    titles = ("pool", "slots", "running", "queued", "deferred", "wanted", "free", "description")
    make_console().print(make_table(titles, rows))
