"""The options that the commands share, and the client that they give."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import click
import typer
from click.core import ParameterSource

if TYPE_CHECKING:
    from millstream.client import Client

P = ParamSpec("P")

SERVER = "Which server"
Address = Annotated[
    str | None,
    typer.Option(
        envvar="MILLSTREAM_API_ADDRESS",
        help="The api: host:port, or grpcs://host:port for TLS.",
        rich_help_panel=SERVER,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="MILLSTREAM_DATA_DIR",
        file_okay=False,
        help="Ask the `millstream up` of this directory.",
        show_default=".millstream",
        rich_help_panel=SERVER,
    ),
]
Namespace = Annotated[
    str,
    typer.Option(envvar="MILLSTREAM_NAMESPACE", help="The namespace.", rich_help_panel=SERVER),
]
ContextName = Annotated[
    str | None,
    typer.Option(
        "--context",
        envvar="MILLSTREAM_CONTEXT",
        help="The server of this name.",
        show_default="the one in use",
        rich_help_panel=SERVER,
        autocompletion=lambda incomplete: context_names(incomplete),
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OfDag = Annotated[str, typer.Option("--dag", help="The DAG, where the run id is not unique.")]
MapIndex = Annotated[
    str, typer.Option(help="The instance of a mapped task: 3, or 3,0 for a map in a map.")
]


_INSTANCE = re.compile(r"([^\[\]]+)((?:\[\d+\])+)")


def asks(command: Callable[Concatenate[Client, P], None]) -> Callable[P, None]:
    """A command that asks a server: it is handed a client as its first argument, and gets the
    options that say of which server (docs/guide/cli.md)."""
    options: dict[str, tuple[Any, Any]] = {
        "address": (None, Address),
        "data_dir": (None, DataDir),
        "namespace": ("default", Namespace),
        "context": (None, ContextName),
    }
    plain = inspect.signature(command)
    first, *own = plain.parameters.values()
    command.__annotations__.pop(first.name, None)
    known = inspect.get_annotations(command, eval_str=True)
    parameters = [one.replace(annotation=known[one.name]) for one in own]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (default, kind) in options.items()
        if name not in known
    ]

    @functools.wraps(command)
    def asking(**given: Any) -> None:
        server = {name: given.pop(name) for name in options if name not in known}
        server |= {name: given[name] for name in options if name in known}
        with connect(**server) as client:
            command(client, **given)  # type: ignore[call-arg]

    del asking.__wrapped__  # else its signature would be taken
    asking.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    asking.__annotations__ = {one.name: one.annotation for one in parameters}
    return asking  # type: ignore[return-value]


def map_path(text: str) -> tuple[int, ...]:
    """The value of ``--map-index``."""
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no path of map indices: write 3, or 3,0", param_hint="--map-index"
        ) from None


def named_instance(task: str, map_index: str = "") -> tuple[str, tuple[int, ...]]:
    """A task and its map index, given beside it or with it: ``train[3][1]``, as a mapped instance
    is called everywhere."""
    path = map_path(map_index)
    found = _INSTANCE.fullmatch(task)
    if found is None:
        return task, path
    if path:
        raise typer.BadParameter(f"{task} names an instance too", param_hint="--map-index")
    return found[1], tuple(map(int, re.findall(r"\d+", found[2])))


def connect(
    address: str | None, data_dir: Path | None, namespace: str, context: str | None = None
) -> Client:
    """What the command line says wins over the environment, and that over the context in use; of
    equals the address wins over the data directory, and that over a context."""
    from millstream.client import Client
    from millstream.client.contexts import find_context

    if not (address or data_dir) or (_is_typed("context") and not _is_typed("address", "data_dir")):
        found = find_context(context)
        if found is not None:
            is_chosen = _is_given("namespace")
            return Client(namespace=namespace if is_chosen else found.namespace, target=found)
        if context is not None:
            address = data_dir = None  # `local` by name
    return Client(address, namespace or "default", data_dir=data_dir)


def _is_typed(*names: str) -> bool:
    """Whether the command line itself gives one of the options."""
    return ParameterSource.COMMANDLINE in _source(*names)


def _is_given(name: str) -> bool:
    """Whether the command line or the environment gives an option."""
    return bool(_source(name) & {ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT})


def _source(*names: str) -> set[ParameterSource]:
    context = click.get_current_context(silent=True)
    if context is None:
        return set()
    found = (context.get_parameter_source(name) for name in names)
    return {source for source in found if source is not None}


def context_names(incomplete: str) -> list[str]:
    """For the completion of the shell."""
    from millstream.client.contexts import LOCAL, read_contexts
    from millstream.core.errors import MillstreamError

    try:
        names = [LOCAL, *sorted(read_contexts().contexts)]
    except MillstreamError:
        return []
    return [name for name in names if name.startswith(incomplete)]
