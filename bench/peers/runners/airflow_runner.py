"""Apache Airflow: api server, scheduler with LocalExecutor, DAG processor; Postgres; one client of
the REST API."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx

from bench.peers.runners.shapes import DAG_IDS, RUNS100, expect
from bench.peers.runners.turn import (
    HOST,
    Options,
    Workloads,
    measure,
    options,
    servers,
    wait_for_port,
    wait_until,
)

DAGS = Path(__file__).with_name("airflow_dags.py")
PACKAGES = ["apache-airflow", "apache-airflow-task-sdk", "apache-airflow-providers-standard"]
TIMEOUT_S = 900.0
CLIENT_LOOKS_EVERY_S = 0.05


def main() -> None:
    chosen = options()
    port = chosen.ports[0]
    # The tasks' processes find the shapes, and Airflow its settings, in the environment.
    os.environ.update(settings(chosen, port))
    folder = chosen.directory / "dags"
    folder.mkdir()
    shutil.copy(DAGS, folder)
    airflow = [sys.executable, "-m", "airflow"]
    subprocess.run([*airflow, "db", "migrate"], stdout=sys.stderr, check=True)
    commands = [
        [*airflow, "api-server", "--host", HOST, "--port", str(port)],
        [*airflow, "scheduler", "--skip-serve-logs"],
        [*airflow, "dag-processor"],
    ]
    with servers(commands, {}, chosen.directory):
        wait_for_port(port)
        with httpx.Client(base_url=f"http://{HOST}:{port}", timeout=TIMEOUT_S) as client:
            token = client.get("/auth/token").raise_for_status().json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            wait_until(lambda: knows_all(client), "the DAGs are not known")
            measure(chosen, PACKAGES, workloads(chosen, client))


def settings(chosen: Options, port: int) -> dict[str, str]:
    def named(section: str, **options: object) -> Iterator[tuple[str, str]]:
        for name, setting in options.items():
            yield f"AIRFLOW__{section}__{name.upper()}", str(setting)

    secret = secrets.token_urlsafe(32)
    url = chosen.postgres.replace("postgresql://", "postgresql+psycopg2://")
    return {
        "AIRFLOW_HOME": str(chosen.directory),
        "PEERS_FANOUT": str(chosen.fanout),
        "SCARF_ANALYTICS": "false",
        **dict(
            [
                *named(
                    "CORE",
                    executor="LocalExecutor",
                    parallelism=32,
                    dags_folder=chosen.directory / "dags",
                    load_examples=False,
                    dags_are_paused_at_creation=False,
                    max_active_tasks_per_dag=10_000,
                    max_active_runs_per_dag=1000,
                    simple_auth_manager_all_admins=True,
                    execution_api_server_url=f"http://{HOST}:{port}/execution/",
                ),
                *named("DATABASE", sql_alchemy_conn=url, default_pool_task_slot_count=10_000),
                *named("API", workers=1, secret_key=secret),
                *named("API_AUTH", jwt_secret=secret),
                *named("SCHEDULER", scheduler_idle_sleep_time=0.02, max_tis_per_query=512),
                *named("LOGGING", logging_level="ERROR"),
            ]
        ),
    }


def knows_all(client: httpx.Client) -> bool:
    return all(client.get(f"/api/v2/dags/{dag_id}").is_success for dag_id in DAG_IDS.values())


def workloads(chosen: Options, client: httpx.Client) -> Workloads:
    def trigger(dag_id: str) -> str:
        answer = client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None})
        return str(answer.raise_for_status().json()["dag_run_id"])

    def wait(dag_id: str, run_id: str) -> None:
        """Airflow's own way to wait: the server looks at the run at this interval."""
        address = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/wait"
        with client.stream("GET", address, params={"interval": CLIENT_LOOKS_EVERY_S}) as answer:
            *_, last = answer.raise_for_status().iter_lines()
        expect(json.loads(last)["state"], "success")

    def once(dag_id: str) -> None:
        wait(dag_id, trigger(dag_id))

    def many() -> None:
        with ThreadPoolExecutor(max_workers=16) as pool:
            run_ids = list(pool.map(lambda _: trigger("ml5"), range(RUNS100)))
        for run_id in run_ids:
            wait("ml5", run_id)

    each = {workload: partial(once, dag_id) for workload, dag_id in DAG_IDS.items()}
    return {**each, "RUNS100": many}


if __name__ == "__main__":
    main()
