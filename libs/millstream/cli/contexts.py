"""``millstream context``: servers by name, so that nobody has to type addresses."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, context_names

if TYPE_CHECKING:
    from millstream.client.contexts import Context

app = typer.Typer(help="Servers by name: add them, and choose one.", no_args_is_help=True)

KnownName = Annotated[
    str, typer.Argument(help="The name of a context.", autocompletion=context_names)
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="A name for the server.")],
    address: Annotated[str, typer.Option(help="The api: host:port, or grpcs://host:port for TLS.")],
    namespace: Annotated[str, typer.Option(help="The namespace that is meant.")] = "default",
    token: Annotated[str, typer.Option(help="A token; - reads it from standard input.")] = "",
    ca_file: Annotated[str, typer.Option(help="Certificates to trust (PEM).")] = "",
    cert_file: Annotated[str, typer.Option(help="The certificate to show (PEM).")] = "",
    key_file: Annotated[str, typer.Option(help="Its key (PEM).")] = "",
    use: Annotated[bool, typer.Option("--use", help="Use it from now on.")] = False,
) -> None:
    """Add a server, or change one."""
    from pathlib import Path

    from millstream.cli.variables import STANDARD
    from millstream.client.contexts import LOCAL, Context, read_contexts, write_contexts

    if not name.isprintable() or not name or any(c.isspace() for c in name) or name == LOCAL:
        raise typer.BadParameter(f"{name!r} cannot be the name of a context", param_hint="NAME")
    files = {"ca_file": ca_file, "cert_file": cert_file, "key_file": key_file}
    made = Context(
        address=address,
        namespace=namespace,
        token=sys.stdin.readline().strip() if token == str(STANDARD) else token,
        **{option: str(Path(path).absolute()) if path else "" for option, path in files.items()},
    )
    made.credentials()  # says what is wrong with the files
    contexts = read_contexts()
    contexts.contexts[name] = made
    if use:
        contexts.current = name
    write_contexts(contexts)
    typer.echo(f"Context {name} is {address}" + (", and in use." if use else "."))


@app.command()
def use(name: KnownName) -> None:
    """Use a server from now on; `local` is what runs on this machine."""
    from millstream.client.contexts import LOCAL, read_contexts, write_contexts

    contexts = read_contexts()
    if name != LOCAL:
        contexts.find(name)
    contexts.current = "" if name == LOCAL else name
    write_contexts(contexts)
    typer.echo(f"Context {name} is in use.")


@app.command("list")
def list_contexts(json: Json = False) -> None:
    """List the servers; a star marks the one in use."""
    from millstream.cli.output import make_console, make_table, print_json
    from millstream.client.contexts import LOCAL, Context, read_contexts

    contexts = read_contexts()
    known = {LOCAL: Context(address="")} | dict(sorted(contexts.contexts.items()))
    current = contexts.current or LOCAL
    if json:
        for name, one in known.items():
            print_json(_plain(name, one, current))
        return
    rows = [
        (
            "*" if name == current else "",
            name,
            one.address or "what runs on this machine",
            one.namespace,
            "token" if one.token else "",
        )
        for name, one in known.items()
    ]
    make_console().print(make_table(("", "name+", "address+", "namespace", "with"), rows))


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(
            help="The name of a context.",
            show_default="the one in use",
            autocompletion=context_names,
        ),
    ] = "",
    json: Json = False,
) -> None:
    """Show a server, without its token."""
    from millstream.cli.output import print_json
    from millstream.client.contexts import LOCAL, Context, read_contexts

    contexts = read_contexts()
    current = contexts.current or LOCAL
    wanted = name or current
    found = Context(address="") if wanted == LOCAL else contexts.find(wanted)
    plain = _plain(wanted, found, current)
    if json:
        print_json(plain)
        return
    for field, value in plain.items():
        if value != "":
            typer.echo(f"{field:12} {value}")


@app.command()
def remove(name: KnownName) -> None:
    """Forget a server."""
    from millstream.client.contexts import read_contexts, write_contexts

    contexts = read_contexts()
    contexts.find(name)
    del contexts.contexts[name]
    if contexts.current == name:
        contexts.current = ""
    write_contexts(contexts)
    typer.echo(f"Context {name} is forgotten.")


def _plain(name: str, one: Context, current: str) -> dict[str, object]:
    import msgspec

    fields = msgspec.structs.asdict(one)
    has_token = bool(fields.pop("token"))
    return {"name": name, "is_current": name == current} | fields | {"has_token": has_token}
