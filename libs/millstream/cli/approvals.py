"""``millstream approvals``: what tasks ask people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, asks

if TYPE_CHECKING:
    from millstream.client import Client
    from millstream.client.approvals import InputRequest

app = typer.Typer(help="Questions of tasks to people.", no_args_is_help=True)

Task = Annotated[str, typer.Argument(help="The task that asks.")]
RunId = Annotated[str, typer.Argument(help="Its run.")]
DagId = Annotated[str, typer.Argument(help="Its DAG.")]
MapIndex = Annotated[str, typer.Option(help="The mapped instance, such as 3 or 3,0.")]


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="approvals")


@app.command("list")
@asks
def list_requests(
    client: Client,
    state: Annotated[
        str, typer.Option(help="waiting, answered, timed_out, closed, or all.")
    ] = "waiting",
    dag_id: Annotated[str, typer.Option(help="Of this DAG alone.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 100,
    json: Json = False,
) -> None:
    """List what is asked, the latest first."""
    import msgspec

    from millstream.cli.output import make_console, make_table, print_json

    try:
        wanted = "" if state == "all" else state
        found = list(client.approvals.list(wanted, dag_id=dag_id, limit=limit))
    except ValueError as error:
        raise typer.BadParameter(f"{error}, or all") from None
    if json:
        for one in found:
            print_json(msgspec.to_builtins(one))
        return
    if not found:
        typer.echo("Nobody is asked anything." if state == "waiting" else "There is nothing.")
        return
    rows = [
        (
            one.dag_id,
            one.run_id,
            one.task_id + (f"[{','.join(map(str, one.map_index))}]" if one.map_index else ""),
            one.state,
            one.subject,
            " | ".join(one.answer if one.answer is not None else one.options),
        )
        for one in found
    ]
    names = ("DAG", "run", "task", "state", "question", "options or answer")
    make_console().print(make_table(names, rows))


@app.command("show")
@asks
def show(
    client: Client,
    dag_id: DagId,
    run_id: RunId,
    task_id: Task,
    map_index: MapIndex = "",
    json: Json = False,
) -> None:
    """Show one question whole."""
    import msgspec

    from millstream.cli.output import print_json

    found = client.approvals.get(dag_id, run_id, task_id, _path(map_index))
    if json:
        print_json(msgspec.to_builtins(found))
        return
    for line in _lines(found):
        typer.echo(line)


@app.command("answer")
@asks
def answer(
    client: Client,
    dag_id: DagId,
    run_id: RunId,
    task_id: Task,
    options: Annotated[list[str], typer.Argument(help="What is chosen, such as Approve.")],
    params: Annotated[str, typer.Option(help="The form, as a JSON object.")] = "{}",
    user: Annotated[str, typer.Option(help="Who answers.", envvar="USER")] = "",
    map_index: MapIndex = "",
    json: Json = False,
) -> None:
    """Answer a question: its task goes on."""
    import msgspec

    from millstream.cli.output import print_json

    try:
        values = msgspec.json.decode(params, type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise typer.BadParameter(f"{params!r} is no JSON object: {error}") from None
    path = _path(map_index)
    position = client.approvals.answer(
        dag_id, run_id, task_id, options, values, map_index=path, user=user
    )
    if json:
        print_json({"position": position})
    else:
        typer.echo(f"Task {task_id} goes on with {', '.join(options)}, at position {position}.")


def _path(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise typer.BadParameter(f"--map-index {text!r}: give numbers such as 3 or 3,0") from None


def _lines(one: InputRequest) -> list[str]:
    """A question for a person to read."""
    lines = [one.subject]
    if one.body:
        lines += ["", one.body.strip(), ""]
    lines.append(f"state: {one.state}")
    many = " (one or several)" if one.multiple else ""
    lines.append(f"options{many}: {', '.join(one.options)}")
    if one.defaults:
        lines.append(f"default: {', '.join(one.defaults)}")
    if one.timeout_at is not None:
        lines.append(f"until: {one.timeout_at.isoformat(' ', 'seconds')}")
    if one.assigned_users:
        lines.append(f"for: {', '.join(one.assigned_users)}")
    for name, field in one.params.items():
        about = f" ({field['description']})" if field.get("description") else ""
        lines.append(f"field {name}{about}: {field.get('value')!r}")
    if one.answer is not None:
        by = f" by {one.answered_by}" if one.answered_by else ""
        lines.append(f"answer{by}: {', '.join(one.answer)} {one.answer_params or ''}".rstrip())
    return lines
