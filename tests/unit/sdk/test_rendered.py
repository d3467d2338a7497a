"""What is reported of template fields: only where there is something to render, bounded, masked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from millstream.core.event_parts import Where
from millstream.core.reports import FailAttempt, RescheduleAttempt, SkipAttempt, SucceedAttempt
from millstream.sdk import masking
from millstream.sdk.attempts import Outcome
from millstream.sdk.dag import DAG
from millstream.sdk.errors import AirflowSkipException
from millstream.sdk.operators.bash import BashOperator
from millstream.sdk.operators.empty import EmptyOperator
from millstream.sdk.operators.python import PythonOperator
from millstream.sdk.rendered import (
    CUT,
    LONGEST_FIELD,
    MOST_BYTES,
    MOST_LOOKED_AT,
    shown_fields,
    take_fields,
)
from millstream.sdk.taskflow import task
from unit.sdk.conftest import NOON, MemoryChannel

Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def masker(monkeypatch: pytest.MonkeyPatch) -> masking.Masker:
    from millstream.sdk import execution, rendered

    mine = masking.Masker()
    for module in (masking, rendered, execution):
        monkeypatch.setattr(module, "masker", mine)
    return mine


def test_what_templates_became(run: Run) -> None:
    with DAG("d") as dag:
        BashOperator(
            task_id="t",
            bash_command="true {{ ds }}",
            env={"DAY": "{{ ds_nodash }}", "DB_PASSWORD": "{{ run_id }}"},
        )
    assert run(dag, "t").rendered == {
        "bash_command": "true 2024-02-29",
        "env": '{"DAY": "20240229", "DB_PASSWORD": "***"}',
    }


def test_where_nothing_is_rendered_nothing_is_told(run: Run) -> None:
    with DAG("d") as dag:
        EmptyOperator(task_id="empty")
        BashOperator(task_id="bash", bash_command="true", env={"A": "b"})
        PythonOperator(task_id="python", python_callable=print, op_args=["plain", 1])
    for task_id in ("empty", "bash", "python"):
        assert run(dag, task_id).rendered == {}


def test_arguments_that_came_from_other_tasks(run: Run, channel: MemoryChannel) -> None:
    with DAG("d") as dag:

        @task
        def first() -> dict[str, Any]:
            return {"rows": [1, 2.5, None, "{{ ds }}"]}

        @task
        def second(found: Any, plain: int) -> None:
            found["rows"].clear()  # what it was called with is what counts

        second(first(), 7)
    channel.put("first", {"rows": [1, 2.5, None, "{{ ds }}"]})
    assert run(dag, "second").rendered == {"op_args": '[{"rows": [1, 2.5, null, "{{ ds }}"]}, 7]'}


def test_instances_of_a_mapped_task(run: Run, channel: MemoryChannel) -> None:
    with DAG("d") as dag:

        @task
        def items() -> list[str]:
            return ["a", "b"]

        BashOperator.partial(task_id="t").expand(bash_command=items())
    channel.put("items", ["true 1", "true 2"])
    assert run(dag, "t", map_index=(1,)).rendered == {"bash_command": "true 2"}


@pytest.mark.parametrize("how", ["fails", "skips"])
def test_however_it_ends(run: Run, how: str) -> None:
    def end(day: str) -> None:
        raise AirflowSkipException if how == "skips" else ValueError

    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=end, op_args=["{{ ds }}"])
    outcome = run(dag, "t")
    assert outcome.rendered == {"op_args": '["2024-02-29"]'}
    about: dict[str, Any] = {
        **{"id": "1", "worker": "w", "token": "t", "started_at": NOON, "ended_at": NOON},
        "where": Where("default", "d", "r", "t", (), 1),
    }
    report = outcome.report(about)
    assert isinstance(report, SkipAttempt if how == "skips" else FailAttempt)
    assert report.rendered == outcome.rendered
    succeeded = Outcome(kind="success", rendered={"a": "b"}).report(about)
    assert isinstance(succeeded, SucceedAttempt)
    assert succeeded.rendered == {"a": "b"}
    # A sensor looks again and again: its last look tells.
    later = Outcome(kind="rescheduled", rendered={"a": "b"}, until=NOON).report(about)
    assert isinstance(later, RescheduleAttempt)
    assert b"rendered" not in msgspec.json.encode(later)


def test_what_is_secret_is_not_told(run: Run, masker: masking.Masker) -> None:
    def learn(**_: Any) -> None:
        masking.mask_secret("came later")

    masker.add(["hunter22"])
    with DAG("d", user_defined_macros={"secret": "hunter22"}) as dag:
        PythonOperator(
            task_id="t",
            python_callable=learn,
            op_kwargs={
                "url": "http://u:{{ secret }}@h",
                "api_token": "x{{ ds }}",
                "more": "came later",
            },
            templates_dict={"nested": [{"password": "{{ ds }}"}]},
        )
    rendered = run(dag, "t").rendered
    assert rendered == {
        "op_kwargs": '{"url": "http://u:***@h", "api_token": "***", "more": "***"}',
        "templates_dict": '{"nested": [{"password": "***"}]}',
    }


class TestBounds:
    def shown(self, text: str) -> str:
        return shown_fields({"field": text})["field"]

    def test_a_field(self) -> None:
        assert self.shown("x" * LONGEST_FIELD) == "x" * LONGEST_FIELD
        cut = self.shown("é" * (LONGEST_FIELD + 1))
        assert len(cut) == LONGEST_FIELD
        assert cut.endswith("é" + CUT)

    def test_all_fields(self) -> None:
        fields = {f"f{number}": "é" * LONGEST_FIELD for number in range(9)}
        shown = shown_fields(fields)
        size = sum(len(f"{name}{text}".encode()) for name, text in shown.items())
        assert MOST_BYTES - LONGEST_FIELD < size <= MOST_BYTES
        assert list(shown) == ["f0", "f1"]
        assert shown["f1"].endswith("é" + CUT)

    def test_no_part_of_a_secret_is_left_where_a_value_is_cut(self, masker: masking.Masker) -> None:
        """So many secrets that masked they are short, and the last one lies across the cut."""
        secret = "s3cret-" * 1000
        masker.add([secret])
        text = ("." + secret) * (MOST_LOOKED_AT // len(secret) + 1)
        shown = self.shown(text[: MOST_LOOKED_AT + 1])
        assert "s3cret" not in shown
        assert shown.startswith(".***.***")

    def test_values_of_any_size_and_kind(self) -> None:
        class Broken:
            def __str__(self) -> str:
                raise ValueError("no text")

        class Endless(dict[str, Any]):
            looked = 0

            def items(self) -> Any:
                while True:
                    Endless.looked += 1
                    yield "key", "value"

        cyclic: list[Any] = []
        cyclic.append(cyclic)
        values = {"endless": Endless(), "broken": Broken(), "cyclic": cyclic, "set": {1}}

        class Holder:
            template_fields = tuple(values)

        holder: Any = Holder()
        vars(holder).update(values)
        found = take_fields(holder)
        assert found["broken"] == "<Broken>"
        assert found["cyclic"] == "<list>"
        assert found["set"] == '"{1}"'
        assert len(found["endless"]) == MOST_LOOKED_AT + 1
        assert Endless.looked < MOST_LOOKED_AT
        assert "\0" not in self.shown("a\0b")
