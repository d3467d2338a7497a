"""Plays recorded cases, one a line of a file of JSON:

    python tests/conformance/run_cases.py FILE
    python tests/conformance/run_cases.py --timetables FILE

Prints a line for each mismatch, then how many cases passed and failed; the exit code is 1 if any
failed. Each kind of case has a module beside this one with ``judge(line) -> (title, problems)``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance import dag_cases, timetable_cases

Judge = Callable[[str], tuple[str, list[str]]]


def play(lines: Iterable[str], judge: Judge) -> tuple[int, int]:
    """How many cases passed and how many failed."""
    passed = failed = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            title, problems = judge(line)
        except Exception as error:  # a case that cannot be played is a failed one
            title, problems = "", [f"{type(error).__name__}: {error}"]
        for problem in problems:
            print(f"case {number} ({title}): {problem}")
        failed += bool(problems)
        passed += not problems
    return passed, failed


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Play recorded cases.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("dags", type=Path, metavar="FILE", nargs="?", help="cases of DAGs")
    which.add_argument("--timetables", type=Path, metavar="FILE", help="cases of schedules")
    options = parser.parse_args(arguments)
    judge = dag_cases.judge if options.dags else timetable_cases.judge
    with (options.dags or options.timetables).open(encoding="utf-8") as lines:
        passed, failed = play(lines, judge)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
