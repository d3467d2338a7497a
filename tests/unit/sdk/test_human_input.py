"""Tasks that ask people: the question, the answer, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from millstream import (
    DAG,
    ApprovalOperator,
    EmptyOperator,
    HITLBranchOperator,
    HITLEntryOperator,
    HITLOperator,
    Param,
)
from millstream.core.deferral import Answer, AssignedUser, Resume
from millstream.core.event_parts import Choice
from millstream.sdk.attempts import Outcome

Run = Callable[..., Outcome]


def answered(*options: str, **params: Any) -> Resume:
    said = Answer(
        chosen_options=options, params_input=params, responded_at=datetime(2024, 1, 1, tzinfo=UTC)
    )
    return Resume(
        cause="answer", method="execute_complete", payload=msgspec.Raw(msgspec.json.encode(said))
    )


def test_the_question(run: Run) -> None:
    told = []
    with DAG("asks") as dag:
        HITLOperator(
            task_id="ask",
            subject="Deploy {{ ds }}?",
            body="**Careful**",
            options=["yes", "no"],
            defaults="no",
            params={"why": Param("because", type="string", description="Reason"), "n": 3},
            assigned_users={"id": "1", "name": "ada"},
            response_timeout=timedelta(minutes=5),
            notifiers=lambda context: told.append(context["task"].subject),
        )
    outcome = run(dag, "ask")
    pause = outcome.pause
    assert outcome.kind == "deferred"
    assert pause is not None
    assert pause.request is not None
    request = pause.request
    assert (request.subject, request.options, request.defaults) == (
        "Deploy 2024-02-29?", ("yes", "no"), ("no",),
    )  # fmt: skip
    assert request.assigned_users == (AssignedUser(id="1", name="ada"),)
    why = {"value": "because", "description": "Reason", "schema": {"type": "string"}}
    assert request.params == {"why": why, "n": {"value": 3}}
    assert (pause.timeout_s, told) == (300.0, ["Deploy 2024-02-29?"])


def test_a_form_whose_fields_have_no_value_yet(run: Run) -> None:
    with DAG("asks") as dag:
        HITLEntryOperator(task_id="ask", subject="?", params={"name": Param(type="string")})
    pause = run(dag, "ask").pause
    assert pause is not None
    assert pause.request is not None
    assert (pause.request.options, pause.request.defaults) == (("OK",), ("OK",))
    good = run(dag, "ask", resume=answered("OK", name="ada"))
    assert b'"params_input":{"name":"ada"}' in good.xcoms["return_value"]
    bad = run(dag, "ask", resume=answered("OK", name=5))
    assert (bad.kind, bad.error_type, bad.may_retry) == ("failed", "ParamValidationError", False)


def test_the_limit_of_the_task_is_meant_for_the_person(run: Run) -> None:
    with DAG("asks") as dag:
        HITLOperator(task_id="ask", subject="?", options=["a"], execution_timeout=60)
    assert dag.to_spec("f.py").tasks[0].execution_timeout_s is None
    pause = run(dag, "ask").pause
    assert pause is not None
    assert pause.timeout_s == 60.0


def test_nobody_answered(run: Run) -> None:
    with DAG("asks") as dag:
        HITLOperator(task_id="ask", subject="Go?", options=["a"])
    how = Resume(cause="timeout", method="execute_complete", message="the time is over")
    outcome = run(dag, "ask", resume=how)
    assert (outcome.error_type, outcome.message) == ("HITLTimeoutError", "'Go?': the time is over")


class TestApproval:
    @pytest.mark.parametrize(
        ("options", "choice"),
        [({}, "direct"), ({"ignore_downstream_trigger_rules": True}, "all")],
    )
    def test_a_rejection_skips(self, run: Run, options: dict[str, Any], choice: Any) -> None:
        with DAG("asks") as dag:
            ApprovalOperator(task_id="ask", subject="?", **options) >> EmptyOperator(task_id="b")
        assert run(dag, "ask", resume=answered("Approve")).choice is None
        outcome = run(dag, "ask", resume=answered("Reject"))
        assert (outcome.kind, outcome.choice) == ("success", Choice(skip=choice))

    def test_or_fails(self, run: Run) -> None:
        with DAG("asks") as dag:
            ApprovalOperator(task_id="ask", subject="?", fail_on_reject=True)
        outcome = run(dag, "ask", resume=answered("Reject"))
        assert (outcome.kind, outcome.error_type) == ("failed", "HITLRejectException")

    def test_its_options_are_its_own(self) -> None:
        with pytest.raises(ValueError, match=r"options=\['x'\] is not allowed"):
            ApprovalOperator(task_id="ask", subject="?", options=["x"])


def test_a_branch(run: Run) -> None:
    with DAG("asks") as dag:
        ask = HITLBranchOperator(
            task_id="ask",
            subject="?",
            options=["left", "go right"],
            options_mapping={"go right": "right"},
        )
        ask >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
    assert run(dag, "ask", resume=answered("go right")).choice == Choice(follow=("right",))
    assert run(dag, "ask", resume=answered("left")).choice == Choice(follow=("left",))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"options": []}, r"options \[\] must be a list of str, not empty"),
        ({"options": ["a", "a"]}, "names one twice"),
        ({"options": ["a"], "defaults": "b"}, "defaults has 'b'"),
        ({"options": ["a", "b"], "defaults": ["a", "b"]}, "set multiple=True"),
        ({"options": ["a"], "params": {"_options": 1}}, "'_options' is not allowed"),
        ({"options": ["a"], "assigned_users": [{"name": "x"}]}, "assigned_users has"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        HITLOperator(task_id="ask", subject="?", **options)
