"""Plays recorded cases, one a line of a file of JSON:

    python tests/conformance/run_cases.py FILE
    python tests/conformance/run_cases.py --live FILE
    python tests/conformance/run_cases.py --timetables FILE

The cases of DAGs go through the pure core, or with ``--live`` through real services, which are
started for it. Prints a line for each mismatch, then how many cases passed and failed; the exit
code is 1 if any failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance import dag_cases, timetable_cases

Judge = Callable[[str], tuple[str, list[str]]]
Judgement = tuple[str, list[str]]


def one_by_one(lines: Iterable[str], judge: Judge) -> Iterator[Judgement]:
    """The title of each case, and a sentence for each mismatch."""
    for line in lines:
        try:
            yield judge(line)
        except Exception as error:  # a case that cannot be played is a failed one
            yield "", [f"{type(error).__name__}: {error}"]


def count(numbers: Iterable[int], judgements: Iterable[Judgement]) -> tuple[int, int]:
    """Prints the mismatches; returns how many cases passed and how many failed."""
    passed = failed = 0
    for number, (title, problems) in zip(numbers, judgements, strict=True):
        for problem in problems:
            print(f"case {number} ({title}): {problem}")
        failed += bool(problems)
        passed += not problems
    return passed, failed


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Play recorded cases.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("dags", type=Path, metavar="FILE", nargs="?", help="cases of DAGs")
    which.add_argument(
        "--live", type=Path, metavar="FILE", help="cases of DAGs, through real services"
    )
    which.add_argument("--timetables", type=Path, metavar="FILE", help="cases of schedules")
    options = parser.parse_args(arguments)
    file = options.dags or options.live or options.timetables
    numbered = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    cases = {number: line for number, line in numbered if line.strip()}
    lines = list(cases.values())
    if options.live:
        from conformance import live_cases

        passed, failed = count(cases, live_cases.judge_all(lines))
    else:
        judge = dag_cases.judge if options.dags else timetable_cases.judge
        passed, failed = count(cases, one_by_one(lines, judge))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
