"""``millstream verify``: is the log what it must be?"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millstream.cli.options import DataDir, Json
from millstream.cli.rebuild import log_of, run_projector
from millstream.cli.services import DatabaseUrl, NatsUrl, Shard

if TYPE_CHECKING:
    from millstream.verify import Findings

EXIT_FOUND = 1
EXIT_UNREADABLE = 2
MOST_SHOWN = 10


def verify(
    file: Annotated[
        Path | None,
        typer.Option(help="Check a log that --dump wrote, without any server.", dir_okay=False),
    ] = None,
    dump: Annotated[
        Path | None,
        typer.Option(help="Write the log to a file as well: one event a line.", dir_okay=False),
    ] = None,
    stream: Annotated[bool, typer.Option(help="Compare the stream EVENTS with the log.")] = True,
    tables: Annotated[
        bool, typer.Option(help="Fold the log anew and compare the read tables, as `rebuild`.")
    ] = True,
    nats_url: NatsUrl = None,
    database_url: DatabaseUrl = None,
    shard: Shard = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Check the event log: that nothing in it is missing, was changed, or may not have happened.

    Exit codes: 0 all is well, 1 something is wrong, 2 the log cannot be read.
    """
    from millstream.core.errors import MillstreamError

    began = time.monotonic()
    try:
        if file is not None:
            from millstream.cli.verification import verify_file

            if dump is not None:
                raise typer.BadParameter("--dump is for a log in Postgres, and not for --file")
            findings = verify_file(file)
        else:
            given = {"nats_url": nats_url, "database_url": database_url, "shard": shard}
            findings = _verify_live(given, data_dir, stream, tables, dump)
    except MillstreamError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(EXIT_UNREADABLE) from error
    seconds = time.monotonic() - began
    if json:
        from millstream.cli.output import print_json

        print_json(_as_json(findings, seconds))
    else:
        _show(findings, seconds)
    raise typer.Exit(0 if findings.is_fine else EXIT_FOUND)


def _verify_live(
    given: dict[str, Any], data_dir: Path | None, stream: bool, tables: bool, dump: Path | None
) -> Findings:
    from millstream.adapters.settings import PREFIX, read_settings
    from millstream.cli.verification import verify_live

    _log_to_stderr()
    options = {
        f"{PREFIX}{name.upper()}": str(value) for name, value in given.items() if value is not None
    }
    environ = dict(os.environ) | options
    environ |= log_of(data_dir, environ)
    settings = read_settings(environ).require("database_url")
    if stream:
        settings.require("nats_url")
    findings = verify_live(settings, with_stream=stream, dump=dump)
    if not tables:
        findings.left_out["read tables"] = "not asked for"
    else:
        _compare_tables(environ, findings)
    return findings


def _log_to_stderr() -> None:
    """What the adapters say of servers that are away; what is printed may be JSON."""
    import logging
    from typing import TextIO, cast

    import structlog

    from millstream.adapters.service import Unfailing

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        # It drops what cannot be written, where standard error is closed by then.
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, Unfailing(sys.stderr))),
    )


def _compare_tables(environ: dict[str, str], findings: Findings) -> None:
    """Let the projector fold the log anew beside the live tables."""
    import msgspec

    from millstream.core.errors import MillstreamError

    done = run_projector(["rebuild", "--verify", "--json"], environ, capture=True)
    try:
        result = msgspec.json.decode(done.stdout)
    except msgspec.DecodeError:
        raise MillstreamError(f"The read tables could not be compared: {done.stderr}") from None
    findings.judged["read tables"] += sum(result["rows"].values())
    for each in result["differences"]:
        key = ", ".join(f"{name}={value}" for name, value in each["key"].items())
        findings.add(
            "read tables",
            result["position"],
            f"Row ({key}) of table {each['table']} is not what the log folds to at position "
            f"{result['position']}. `millstream rebuild` makes the tables anew.",
        )


def _as_json(findings: Findings, seconds: float) -> dict[str, Any]:
    from millstream.verify import CHECKS

    first = {finding.check: finding.position for finding in findings.first()}
    return {
        "fine": findings.is_fine,
        "seconds": round(seconds, 3),
        "checks": [
            {
                "check": name,
                "invariant": check.invariant,
                "says": check.says,
                "judged": findings.judged[name],
                "wrong": findings.wrong[name],
                "first_position": first.get(name),
                "left_out": findings.left_out.get(name, ""),
            }
            for name, check in CHECKS.items()
        ],
        "findings": findings.in_order(),
    }


def _show(findings: Findings, seconds: float) -> None:
    from rich.text import Text

    from millstream.cli.output import harmless, make_console, make_table
    from millstream.verify import CHECKS

    console = make_console()
    first = {finding.check: finding.position for finding in findings.first()}
    rows: list[list[str | Text]] = []
    for name, check in CHECKS.items():
        count, wrong = findings.judged[name], findings.wrong[name]
        if wrong:
            outcome = Text(f"{wrong} wrong, from {first[name]} on", style="bold red")
        elif name in findings.left_out and not count:
            outcome = Text(f"- {findings.left_out[name]}", style="dim")
        else:
            outcome = Text("fine", style="green")
        rows.append([name, f"I{check.invariant}", outcome, f"{count} {check.counts}", check.says])
    console.print(make_table(["CHECK+", "INVARIANT", "OUTCOME+", "JUDGED", "SAYS"], rows))
    found = findings.in_order()
    for finding in found[:MOST_SHOWN]:
        console.print(f"{finding.position} (I{finding.invariant} {finding.check}): ", end="")
        console.print(harmless(finding.message), markup=False)
    if len(found) > MOST_SHOWN:
        console.print(f"and {findings.wrong.total() - MOST_SHOWN} more")
    rate = findings.judged["rows"] / max(seconds, 0.001)
    verdict = "The log is what it must be" if findings.is_fine else "THE LOG IS WRONG"
    console.print(f"{verdict}: {findings.judged['rows']} events in {seconds:.1f} s ({rate:.0f}/s).")
    sys.stdout.flush()
