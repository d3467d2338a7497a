"""A release that a person approves, with params of several kinds."""

from __future__ import annotations

from millstream import DAG, ApprovalOperator, BashOperator, Param, task

with DAG(
    "release",
    description="Builds, asks, and publishes",
    tags=["release"],
    params={
        "version": Param("1.0", title="Version", pattern=r"^\d+\.\d+$"),
        "rounds": Param(3, type="integer", minimum=1, maximum=9, title="Rounds"),
        "channel": Param("beta", enum=["beta", "stable"], title="Channel"),
    },
):

    @task
    def measure(rounds: str) -> dict[str, object]:
        print(f"measuring {rounds} rounds")
        return {"rounds": rounds, "accuracy": [0.91, 0.93, 0.94][: int(rounds)], "passed": True}

    build = BashOperator(
        task_id="build", bash_command="echo building {{ params.version }} for {{ params.channel }}"
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Publish version {{ params.version }}?",
        body="It goes to {{ params.channel }}.",
    )
    publish = BashOperator(task_id="publish", bash_command="echo published")
    build >> measure("{{ params.rounds }}") >> approve >> publish
