"""The examples of the guide's page about mapping do what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[3] / "docs/guide/dynamic-mapping.md"


def test_the_examples_of_the_page(capfd: Any) -> None:
    made: dict[str, Any] = {}
    source = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    exec(compile(source, str(PAGE), "exec"), made)
    run = made["dag"].test()
    assert run.xcom("total") == 18
    assert run.instance_states["count"] == {(i,): "success" for i in range(3)}
    assert "count[1] (b.csv): success" in capfd.readouterr().out
    assert made["groups"].test().xcom("total") == 9
    nested = made["nested"].test()
    assert nested.xcom("total") == 60
    assert nested.xcom("batch.subtotal", map_index=0) == 30
    assert "batch.work__n" in nested.task_states
    assert list(nested.instance_states["batch.work"]) == [(0, 0), (0, 1), (1, 0)]
