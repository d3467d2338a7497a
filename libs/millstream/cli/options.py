"""The options that the commands share, and the client that they give."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from millstream.client import Client

Address = Annotated[
    str | None,
    typer.Option(envvar="MILLSTREAM_API_ADDRESS", help="The api, as host:port."),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="MILLSTREAM_DATA_DIR",
        file_okay=False,
        help="Ask the `millstream up` of this directory.",
        show_default=".millstream",
    ),
]
Namespace = Annotated[str, typer.Option(envvar="MILLSTREAM_NAMESPACE", help="The namespace.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OfDag = Annotated[str, typer.Option("--dag", help="The DAG, where the run id is not unique.")]
MapIndex = Annotated[
    str, typer.Option(help="The instance of a mapped task: 3, or 3,0 for a map in a map.")
]


def map_path(text: str) -> tuple[int, ...]:
    """The value of ``--map-index``."""
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no path of map indices: write 3, or 3,0", param_hint="--map-index"
        ) from None


def connect(address: str | None, data_dir: Path | None, namespace: str) -> Client:
    """The address wins over the data directory."""
    from millstream.client import Client

    return Client(address, namespace, data_dir=data_dir)
