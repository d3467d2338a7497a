"""``millstream completion``: the script that a shell reads; and what it may ask a server for."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

VARIABLE = "_MILLSTREAM_COMPLETE"


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="Your shell.")],
) -> None:
    """Print the completion of a shell, such as for: eval "$(millstream completion bash)"."""
    from typer._completion_shared import get_completion_script

    typer.echo(get_completion_script(prog_name="millstream", complete_var=VARIABLE, shell=shell))
