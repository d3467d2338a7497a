"""When the runs of a DAG are due. Pure: the present is an argument, and every instant is UTC.

``run_times`` says what a timetable is; ``cron`` and ``delta`` step from one instant to the next;
``periodic`` makes runs of such steps, ``irregular`` those that follow no period. Schedules as data,
which is what a DAG carries, are in :mod:`millstream.core.timetable`.
"""
