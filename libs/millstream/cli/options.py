"""The options that the commands share, and the client that they give."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer

if TYPE_CHECKING:
    from millstream.client import Client

P = ParamSpec("P")

SERVER = "Which server"
TIMEOUT_S = 30.0
# For the completion of a shell.
COMPLETION_S = 1.0
MOST_COMPLETED = 200
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
OfDag = Annotated[
    str,
    typer.Option(
        "--dag",
        help="The DAG, where the run id is not unique.",
        autocompletion=lambda ctx, incomplete: dag_ids(ctx, incomplete),
    ),
]
MapIndex = Annotated[
    str, typer.Option(help="The instance of a mapped task: 3, or 3,0 for a map in a map.")
]


_INSTANCE = re.compile(r"([^\[\]]+)((?:\[\d+\])+)")


# What says which server, and in which namespace.
_OPTIONS: dict[str, tuple[Any, Any]] = {
    "address": (None, Address),
    "data_dir": (None, DataDir),
    "namespace": ("default", Namespace),
    "context": (None, ContextName),
}


def asks(command: Callable[Concatenate[Client, P], None]) -> Callable[P, None]:
    """A command that asks a server: it is handed a client as its first argument, and gets the
    options that say of which server (docs/guide/cli.md). One with commands of its own is not called
    where one of these is."""
    return _asking(command, _OPTIONS)


def asks_of_all(command: Callable[Concatenate[Client, P], None]) -> Callable[P, None]:
    """The same for what knows no namespaces."""
    options = {name: option for name, option in _OPTIONS.items() if name != "namespace"}
    return _asking(command, options)


def _asking(
    command: Callable[Concatenate[Client, P], None], options: dict[str, tuple[Any, Any]]
) -> Callable[P, None]:
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

    shell = inspect.Parameter(
        "ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )
    parameters.insert(0, shell)

    @functools.wraps(command)
    def asking(ctx: typer.Context, **given: Any) -> None:
        if ctx.invoked_subcommand is not None:
            return
        server = {name: given.pop(name) for name in options if name not in known}
        server |= {name: given[name] for name in options if name in known}
        typed, is_chosen = _typed(ctx), _is_given(ctx, "namespace")
        with connect(**server, typed=typed, is_namespace_chosen=is_chosen) as client:
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
    address: str | None,
    data_dir: Path | None,
    namespace: str = "default",
    context: str | None = None,
    *,
    typed: frozenset[str] = frozenset(),
    is_namespace_chosen: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> Client:
    """What the command line says wins over the environment, and that over the context in use; of
    equals the address wins over the data directory, and that over a context."""
    from millstream.client import Client
    from millstream.client.contexts import find_context

    if not (address or data_dir) or ("context" in typed and not typed & {"address", "data_dir"}):
        found = find_context(context)
        if found is not None:
            is_chosen = is_namespace_chosen or namespace not in ("", "default")
            wanted = namespace if is_chosen else found.namespace
            return Client(namespace=wanted, timeout_s=timeout_s, target=found)
        if context is not None:
            address = data_dir = None  # `local` by name
    return Client(address, namespace or "default", timeout_s, data_dir=data_dir)


def _typed(context: typer.Context) -> frozenset[str]:
    """The options that are on the command line itself."""
    return frozenset(name for name in context.params if _source(context, name) == "COMMANDLINE")


def _is_given(context: typer.Context, name: str) -> bool:
    return _source(context, name) in ("COMMANDLINE", "ENVIRONMENT")


def _source(context: typer.Context, name: str) -> str:
    source = context.get_parameter_source(name)
    return "" if source is None else source.name


def dag_ids(context: typer.Context, incomplete: str) -> list[str]:
    """For the completion of the shell: what the server that the line names has."""
    return _ask_quickly(
        context,
        lambda client: [
            dag.dag_id for dag in client.list_dags() if dag.dag_id.startswith(incomplete)
        ],
    )


def run_ids(context: typer.Context, incomplete: str) -> list[str]:
    """The latest runs, of the DAG that the line names if it does."""
    dag_id = str(context.params.get("dag") or "")
    return _ask_quickly(
        context,
        lambda client: [
            run.run_id
            for run in client.list_runs(dag_id, limit=MOST_COMPLETED)
            if run.run_id.startswith(incomplete)
        ],
    )


def _ask_quickly(context: typer.Context, ask: Callable[[Client], list[str]]) -> list[str]:
    """Nothing where the server does not answer at once: nobody wants to wait for a tab."""
    from millstream.core.errors import MillstreamError

    given = context.params
    try:
        with connect(
            given.get("address"),
            given.get("data_dir"),
            str(given.get("namespace") or "default"),
            given.get("context"),
            timeout_s=COMPLETION_S,
        ) as client:
            return ask(client)[:MOST_COMPLETED]
    except MillstreamError:
        return []


def context_names(incomplete: str) -> list[str]:
    """For the completion of the shell."""
    from millstream.client.contexts import LOCAL, read_contexts
    from millstream.core.errors import MillstreamError

    try:
        names = [LOCAL, *sorted(read_contexts().contexts)]
    except MillstreamError:
        return []
    return [name for name in names if name.startswith(incomplete)]
