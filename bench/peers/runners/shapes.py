"""The shapes of the workloads, the same for all systems, and what a right answer is."""

from __future__ import annotations

CHAIN10 = 10
ML5 = 5
WINDMILL40 = 40
RUNS100 = 100
FIB_OF = 10
FIB_IS = 55

# In this order, since what is cheap to measure should be known before what may not end in time.
ORDER = ("CHAIN10", "ML5", "WINDMILL40", "FANOUT", "RUNS100")
# What the shapes are called where they are DAGs; the fifth is many runs of the second.
DAG_IDS = {"CHAIN10": "chain10", "ML5": "ml5", "WINDMILL40": "windmill40", "FANOUT": "fanout"}


def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def tasks_of(workload: str, fanout: int) -> int:
    """How many tasks one measurement of ``workload`` runs."""
    return {
        "CHAIN10": CHAIN10,
        "ML5": ML5,
        "WINDMILL40": WINDMILL40,
        "FANOUT": fanout + 2,
        "RUNS100": RUNS100 * ML5,
    }[workload]


def expect(found: object, wanted: object) -> None:
    """A system that is fast and wrong is not measured."""
    if found != wanted:
        raise SystemExit(f"a wrong answer: {found!r} in place of {wanted!r}")
