"""All workloads, in the order in which they are measured: first those of one installation."""

from __future__ import annotations

from bench import backlog, idle, latency, overhead, rebuild, recovery, soak, startup, timed, wide
from bench.figures import Workload

WORKLOADS = (
    *(
        Workload(each.name, each.what, each.measure, in_quick=True)
        for each in (
            timed.CHAIN10,
            timed.ML5,
            timed.WINDMILL40,
            timed.FANOUT1000,
            timed.RUNS100,
        )
    ),
    Workload(
        "LATENCY", "one task at a time at 100/s, to its first line", latency.measure, in_quick=True
    ),
    Workload("WINDMILL10", "ten times fib(33), and the same in plain Python", overhead.measure),
    Workload("FANOUT100K", "1 -> 100,000 mapped tasks -> 1", wide.measure),
    Workload("BACKLOG", "FANOUT while 100,000 other tasks wait", backlog.measure),
    Workload("IDLE", "60 s of nothing: processor time and memory", idle.measure),
    Workload("STARTUP", "`millstream up` to the first trigger", startup.measure, in_quick=True),
    Workload("REBUILD", "read tables from a log of a million events", rebuild.measure),
    Workload("RECOVERY", "start of a scheduler with 10,000 active runs", recovery.measure),
    Workload("SOAK", "half of the highest rate for 30 minutes", soak.measure, in_all=False),
)
