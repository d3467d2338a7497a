"""``millstream users``, ``roles``, ``tokens`` and ``whoami``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, asks

if TYPE_CHECKING:
    from millstream.client import Client

users = typer.Typer(help="Users: people and services that may have tokens.", no_args_is_help=True)
roles = typer.Typer(help="Roles: who may do what, and where.", no_args_is_help=True)
tokens = typer.Typer(help="Tokens: what users show to the api.", no_args_is_help=True)

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

User = Annotated[str, typer.Argument(help="The user.")]
Subject = Annotated[str, typer.Argument(help="A user, or group:NAME for what a provider says.")]
Role = Annotated[str, typer.Argument(help="viewer, operator, author or admin.")]
Dag = Annotated[str, typer.Option("--dag", help="On this DAG alone.")]
Everywhere = Annotated[bool, typer.Option("--all-namespaces", help="On all namespaces.")]


def register(parent: typer.Typer) -> None:
    """Adds the commands of this module."""
    for name, group in {"users": users, "roles": roles, "tokens": tokens}.items():
        parent.add_typer(group, name=name)
    parent.command()(whoami)


@asks
def whoami(client: Client, json: Json = False) -> None:
    """Say who the api takes you for, and what you may."""
    import msgspec

    from millstream.cli.output import local_time, print_json

    me = client.access.who_am_i()
    if json:
        print_json(msgspec.to_builtins(me))
        return
    typer.echo(f"{me.name} ({me.authenticated_by})")
    for role in me.roles:
        typer.echo(f"  {role.role} {_place(role.namespace, role.dag_id)}")
    if me.groups:
        typer.echo(f"  groups: {', '.join(me.groups)}")
    if me.token_scopes:
        typer.echo(f"  this token: {', '.join(me.token_scopes)}")
    if me.expires_at is not None:
        typer.echo(f"  until {local_time(me.expires_at)}")


@users.command("create")
@asks
def create_user(client: Client, name: User, json: Json = False) -> None:
    """Make a user."""
    from millstream.cli.output import print_json

    position = client.access.create_user(name)
    if json:
        print_json({"name": name, "position": position})
    else:
        typer.echo(f"User {name} is there.")


@users.command("delete")
@asks
def delete_user(client: Client, name: User, json: Json = False) -> None:
    """Delete a user, with its tokens and roles."""
    from millstream.cli.output import print_json

    position = client.access.delete_user(name)
    if json:
        print_json({"name": name, "position": position})
    else:
        typer.echo(f"User {name} is gone, with all tokens and roles.")


@users.command("list")
@asks
def list_users(client: Client, json: Json = False) -> None:
    """List the users."""
    import msgspec

    from millstream.cli.output import local_time, make_console, make_table, print_json

    found = list(client.access.list_users())
    if json:
        for one in found:
            print_json(msgspec.to_builtins(one))
        return
    rows = [(one.name, local_time(one.created_at)) for one in found]
    make_console().print(make_table(("user+", "since"), rows))


@roles.command("grant")
@asks
def grant_role(
    client: Client,
    subject: Subject,
    role: Role,
    dag: Dag = "",
    all_namespaces: Everywhere = False,
    json: Json = False,
) -> None:
    """Give somebody a role, by default on the namespace."""
    from millstream.cli.output import print_json

    namespace = "*" if all_namespaces else client.namespace
    position = client.access.grant_role(subject, role, namespace=namespace, dag_id=dag)
    if json:
        print_json({"subject": subject, "role": role, "position": position})
    else:
        typer.echo(f"{subject} is {role} {_place(namespace, dag)}.")


@roles.command("revoke")
@asks
def revoke_role(
    client: Client,
    subject: Subject,
    role: Role,
    dag: Dag = "",
    all_namespaces: Everywhere = False,
    json: Json = False,
) -> None:
    """Take a role away. Open streams of theirs that need it end."""
    from millstream.cli.output import print_json

    namespace = "*" if all_namespaces else client.namespace
    position = client.access.revoke_role(subject, role, namespace=namespace, dag_id=dag)
    if json:
        print_json({"subject": subject, "role": role, "position": position})
    else:
        typer.echo(f"{subject} is no {role} {_place(namespace, dag)} any more.")


@roles.command("list")
@asks
def list_roles(
    client: Client,
    subject: Annotated[str, typer.Option(help="Of this user or group:NAME alone.")] = "",
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", help="Of all namespaces, and those on all.")
    ] = False,
    json: Json = False,
) -> None:
    """List who has which role."""
    import msgspec

    from millstream.cli.output import local_time, make_console, make_table, print_json

    namespace = "*" if all_namespaces else client.namespace
    found = list(client.access.list_roles(namespace=namespace, subject=subject))
    if json:
        for one in found:
            print_json(msgspec.to_builtins(one))
        return
    rows = [
        (one.subject, one.role, one.namespace, one.dag_id, local_time(one.granted_at))
        for one in found
    ]
    make_console().print(make_table(("subject+", "role", "namespace", "dag", "since"), rows))


@tokens.command("create")
@asks
def create_token(
    client: Client,
    user: Annotated[str, typer.Argument(help="Of whom.", show_default="yourself")] = "",
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="No more than this role: ROLE, ROLE:NAMESPACE or ROLE:NAMESPACE/DAG."),
    ] = None,
    expires: Annotated[
        str, typer.Option(help="After so long (30m, 12h, 90d, 8w), or never.")
    ] = "90d",
    json: Json = False,
) -> None:
    """Make a token and print it: it is shown this once."""
    from millstream.cli.output import local_time, print_json

    until = expiry(expires, datetime.now(UTC))
    made = client.access.create_token(user, label=label, scopes=scope or (), expires_at=until)
    if json:
        print_json({"token_id": made.token_id, "token": made.secret, "expires_at": until})
        return
    typer.echo(made.secret)
    ends = "does not expire" if until is None else f"expires on {local_time(until)}"
    typer.echo(
        f"Token {made.token_id} {ends}. It is not shown again: keep it, such as in "
        f"MILLSTREAM_API_TOKEN_FILE or with millstream context add --token -.",
        err=True,
    )


@tokens.command("list")
@asks
def list_tokens(
    client: Client,
    user: Annotated[str, typer.Argument(help="Of whom.", show_default="yourself")] = "",
    all_users: Annotated[bool, typer.Option("--all", help="Of everybody.")] = False,
    json: Json = False,
) -> None:
    """List tokens, without what is secret."""
    import msgspec

    from millstream.cli.output import local_time, make_console, make_table, print_json

    found = list(client.access.list_tokens("*" if all_users else user))
    if json:
        for one in found:
            print_json(msgspec.to_builtins(one))
        return
    rows = [
        (
            one.token_id,
            one.user,
            ", ".join(one.scopes) or "all of its user's",
            local_time(one.created_at),
            local_time(one.expires_at) if one.expires_at else "never",
            one.label,
        )
        for one in found
    ]
    titles = ("token+", "user", "scopes", "since", "expires", "label")
    make_console().print(make_table(titles, rows))


@tokens.command("revoke")
@asks
def revoke_token(
    client: Client,
    token_id: Annotated[str, typer.Argument(help="The id: the second part of ms_<id>_...")],
    json: Json = False,
) -> None:
    """End a token, at once and everywhere."""
    from millstream.cli.output import print_json

    position = client.access.revoke_token(token_id)
    if json:
        print_json({"token_id": token_id, "position": position})
    else:
        typer.echo(f"Token {token_id} is good for nothing any more.")


def expiry(text: str, now: datetime) -> datetime | None:
    """The instant that ``--expires`` means; None for never."""
    if text == "never":
        return None
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if match is None or not int(match[1]):
        raise typer.BadParameter(
            f"{text!r} is no time: write 30m, 12h, 90d, 8w or never", param_hint="--expires"
        )
    try:
        return now + timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise typer.BadParameter(f"{text!r} is too long", param_hint="--expires") from None


def _place(namespace: str, dag_id: str) -> str:
    if namespace == "*":
        return "on all namespaces"
    return f"on the DAG {dag_id} of {namespace}" if dag_id else f"on the namespace {namespace}"
