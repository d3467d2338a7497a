"""``xcom_pull`` with every argument, and arguments that refer to other tasks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from millstream import DAG, PythonOperator, task
from millstream.core.xcoms import Place, XComPull, XComQuery
from millstream.sdk.codecs import decode
from millstream.sdk.pulling import LazyXComs, Pulled
from millstream.sdk.xcom import encode_xcom


def one(function: Any, **options: Any) -> DAG:
    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=function, **options)
    return dag


def value(outcome: Any) -> Any:
    assert outcome.kind == "success", outcome
    return msgspec.json.decode(outcome.xcoms["return_value"])


@pytest.fixture
def pulled(run: Any, channel: Any) -> Any:
    """What ``xcom_pull`` of these arguments gives in a task."""

    def pull(*args: Any, **arguments: Any) -> Any:
        return value(run(one(lambda ti: [ti.xcom_pull(*args, **arguments)]), "t"))[0]

    channel.put("a", {"x": 1})
    channel.put("b", 2)
    channel.put("b", "named", key="k")
    for index in (10, 2, 0):  # instance 1 handed nothing on
        channel.put("mapped", f"v{index}", path=(index,))
    channel.put("single", "only", path=(0,))
    for path in ((0, 0), (0, 1), (2, 0)):
        channel.put("nested", list(path), path=path)
    return pull


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"task_ids": "a"}, {"x": 1}),
        ({"task_ids": "b", "key": "k"}, "named"),
        ({"task_ids": "zzz"}, None),
        ({"task_ids": "zzz", "default": "none"}, "none"),
        ({"task_ids": ["b", "zzz", "a"]}, [2, None, {"x": 1}]),
        ({"task_ids": ("b", "zzz"), "default": 0}, [2, 0]),
        ({"task_ids": []}, []),
        ({"task_ids": "mapped"}, ["v0", "v2", "v10"]),
        ({"task_ids": "single"}, ["only"]),
        ({"task_ids": ["b", "mapped"]}, [2, "v0", "v2", "v10"]),
        ({"task_ids": "mapped", "map_indexes": 2}, "v2"),
        ({"task_ids": "mapped", "map_indexes": 1}, None),
        ({"task_ids": "mapped", "map_indexes": [2, 1, 0]}, ["v2", None, "v0"]),
        ({"task_ids": "mapped", "map_indexes": range(2), "default": ""}, ["v0", ""]),
        ({"task_ids": ["mapped", "single"], "map_indexes": 0}, ["v0", "only"]),
        ({"task_ids": "mapped", "map_indexes": None}, None),
        ({"task_ids": "a", "map_indexes": None}, {"x": 1}),
        ({"task_ids": "a", "map_indexes": -1}, {"x": 1}),
        ({"task_ids": "nested"}, [[[0, 0], [0, 1]], [[2, 0]]]),
        ({"task_ids": "nested", "map_indexes": [(2, 0)]}, [[2, 0]]),
    ],
)
def test_one_value_or_a_list(arguments: dict[str, Any], expected: Any, pulled: Any) -> None:
    assert pulled(**arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task_ids": 3}, "task_ids is 3; it must be a task id, several, or None"),
        ({"task_ids": ["a", 3]}, "task_ids is \\['a', 3\\]"),
        ({"key": ""}, "key is ''; it must be a str"),
        ({"key": None}, "key is None; it must be a str"),
        ({"dag_id": 1}, "dag_id is 1; it must be a str, or None for the task's own"),
        ({"run_id": ""}, "run_id is ''"),
        ({"map_indexes": "0"}, "map_indexes is '0'; it must be an int"),
        ({"map_indexes": [0.5]}, "map_indexes is \\[0.5\\]"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str, run: Any) -> None:
    def pull(ti: Any) -> None:
        with pytest.raises(TypeError, match=message):
            ti.xcom_pull(**arguments)

    assert run(one(pull), "t").kind == "success"


def test_several_values_are_one_question(pulled: Any, channel: Any) -> None:
    pulled(["b", "mapped", "a"])
    assert len(channel.asked) == 1


def test_other_runs_are_asked_for_by_name(pulled: Any, channel: Any) -> None:
    pulled("a", dag_id="other", run_id="r7", include_prior_dates=True)
    assert channel.asked == [
        XComPull(
            queries=(XComQuery("a", "return_value", (), True),),
            dag_id="other",
            run_id="r7",
            include_prior_dates=True,
        )
    ]


class TestOwnValues:
    def test_no_task_ids_means_this_task(self, run: Any, channel: Any) -> None:
        def pull(ti: Any) -> Any:
            ti.xcom_push("k", [1])
            return [ti.xcom_pull(key="k"), ti.xcom_pull(task_ids=["t"], key="k")]

        outcome = run(one(pull), "t")
        assert outcome.xcoms == {"k": b"[1]", "return_value": b"[[1],[[1]]]"}
        assert channel.asked == []

    def test_another_run_is_another_run_and_this_one_is_the_newest(
        self, run: Any, channel: Any
    ) -> None:
        def pull(ti: Any) -> Any:
            ti.xcom_push("k", [1])
            return [
                ti.xcom_pull(key="k", run_id="yesterday", default="there"),
                ti.xcom_pull(key="k", include_prior_dates=True, default="before"),
            ]

        assert value(run(one(pull), "t")) == ["there", [1]]

    def test_a_mapped_instance_means_itself(self, run: Any, channel: Any) -> None:
        def pull(ti: Any) -> Any:
            ti.xcom_push("k", "mine")
            return [ti.xcom_pull(key="k"), ti.xcom_pull(key="k", map_indexes=[0, 1])]

        channel.put("t", "other", key="k", path=(1,))
        assert value(run(one(pull), "t", map_index=(0,))) == ["mine", ["mine", "other"]]


class TestReferences:
    def test_all_arguments_are_one_question(self, run: Any, channel: Any) -> None:
        @task
        def add(a: int, b: Any, c: int) -> Any:
            return [a, b, c]

        with DAG("d") as dag:
            x = PythonOperator(task_id="x", python_callable=int)
            y = PythonOperator(task_id="y", python_callable=int)
            add(x.output, {"deep": [y.output["k"], x.output]}, y.output["j"])
        channel.put("x", 1)
        channel.put("y", {"k": 2})
        channel.put("y", 3, key="j")
        assert value(run(dag, "add")) == [1, {"deep": [2, 1]}, 3]
        assert len(channel.asked) == 1

    def test_a_task_without_arguments_asks_nothing(self, run: Any, channel: Any) -> None:
        run(one(lambda: 1), "t")
        assert channel.asked == []

    def test_a_mapped_task_comes_as_a_sequence(self, run: Any, channel: Any) -> None:
        seen: list[Any] = []
        with DAG("d") as dag:
            x = PythonOperator(task_id="x", python_callable=int)
            PythonOperator(task_id="t", python_callable=seen.extend, op_args=[x.output])
        for index in range(12):
            channel.put("x", index, path=(index,))
        assert run(dag, "t").kind == "success"
        assert seen == list(range(12))


class TestLazyXComs:
    @pytest.fixture
    def values(self, channel: Any) -> LazyXComs:
        channel.most = 3
        for index in range(8):
            channel.put("x", index * index, path=(index,))
        query = XComQuery("x", "return_value", (), True)
        return LazyXComs(Pulled(channel, XComPull(queries=(query,))), 0)

    def test_only_what_is_looked_at_is_asked_for(self, values: LazyXComs, channel: Any) -> None:
        assert values[2] == 4
        assert len(channel.asked) == 1
        assert values[3] == 9
        assert [pull.after for pull in channel.asked] == [None, Place(0, (2,))]
        assert len(values) == 8
        assert len(channel.asked) == 3

    def test_it_is_handed_on_as_a_list(self, values: LazyXComs) -> None:
        encoded = encode_xcom(values, "t")
        assert (encoded.codec, encoded.length) == ("", 8)
        assert encoded.parts == (b"[0,1,4,9,16,25,36,49]",)
        encoded = encode_xcom({"all": values, "a": {1}}, "t")
        assert decode(encoded.codec, encoded.data()) == {"all": list(values), "a": {1}}

    def test_it_is_a_sequence(self, values: LazyXComs) -> None:
        squares = [0, 1, 4, 9, 16, 25, 36, 49]
        assert values == squares
        assert values != squares[:-1]
        assert list(values) == squares
        assert values[-1] == 49
        assert values[5:2:-1] == [25, 16, 9]
        assert 36 in values
        assert values.index(9) == 3
        assert str(values) == str(squares)
        with pytest.raises(IndexError):
            values[8]
