"""What a task may ask for, and how a wrong request is told at import."""

from __future__ import annotations

from typing import Any

import pytest

from millstream import DAG, BashOperator, task
from millstream.core.spec import TaskSpec


def spec_of(**arguments: Any) -> TaskSpec:
    with DAG("d"):
        return BashOperator(task_id="t", bash_command="true", **arguments).to_spec()


def test_what_is_asked_for_is_in_the_spec() -> None:
    assert spec_of().resources == spec_of(resources=None).resources == {}
    assert list(spec_of(resources={"gpu": 1, "cpu": 2, "memory": 4000}).resources.items()) == [
        ("cpu", 2),
        ("gpu", 1),
        ("memory", 4000),
    ]


def test_all_ways_to_make_a_task_take_it() -> None:
    @task(resources={"gpu": 1})
    def train(x: int) -> None: ...

    with DAG("d", default_args={"resources": {"cpu": 2}}) as dag:
        train(1)
        train.override(task_id="many").expand(x=[1, 2])
        BashOperator(task_id="default", bash_command="true")
        BashOperator(task_id="none", bash_command="true", resources={})
        BashOperator.partial(task_id="mapped", resources={"license": 1}).expand(
            bash_command=["a", "b"]
        )
    asked = {spec.task_id: spec.resources for spec in dag.to_spec("").tasks}
    assert asked == {
        "train": {"gpu": 1},
        "many": {"gpu": 1},
        "default": {"cpu": 2},
        "none": {},
        "mapped": {"license": 1},
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("gpu", "resources is 'gpu'; pass a dict"),
        ({1: 1}, "resources names 1; names are text"),
        ({"gpu": 1.5}, r"resources\['gpu'\] is 1.5; it must be a whole number"),
        ({"gpu": True}, "must be a whole number"),
        ({"gpu": "1"}, "must be a whole number"),
        ({"gpu": 0}, r"resources\['gpu'\] is 0; it must be 1 or more"),
        ({"gpu": 2**31}, "asks for 2147483648 gpu; 1 to 2147483647"),
        ({"GPU": 1}, "names 'GPU'; use lower-case letters"),
        ({"gpu=1": 1}, "names 'gpu=1'; use lower-case letters"),
        ({"cpus": 2}, "'cpus', which is called 'cpu' here"),
        ({"ram": 2}, "'ram', which is called 'memory' here"),
        ({"gpus": 2}, "'gpus', which is called 'gpu' here"),
        ({"async": 1}, "'async', which async tasks ask for by themselves"),
    ],
)
def test_a_wrong_request(value: Any, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        spec_of(resources=value)
