"""What a DAG author imports: ``from millstream import DAG, PythonOperator, task``.

The names are loaded when they are first used, so that services and the command line, which import
only ``millstream.core``, do not pay for pendulum and jinja2.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from millstream.version import __version__

if TYPE_CHECKING:
    from millstream.core.errors import MillstreamError
    from millstream.core.spec import TriggerRule
    from millstream.sdk.context import get_current_context
    from millstream.sdk.dag import DAG, dag
    from millstream.sdk.edges import Label, chain, chain_linear, cross_downstream
    from millstream.sdk.errors import (
        AirflowException,
        AirflowFailException,
        AirflowSkipException,
    )
    from millstream.sdk.operator import BaseOperator
    from millstream.sdk.operators.bash import BashOperator
    from millstream.sdk.operators.branch import (
        BaseBranchOperator,
        BranchPythonOperator,
        ShortCircuitOperator,
    )
    from millstream.sdk.operators.empty import EmptyOperator
    from millstream.sdk.operators.python import PythonOperator
    from millstream.sdk.params import Param
    from millstream.sdk.taskflow import task
    from millstream.sdk.taskgroup import TaskGroup, task_group
    from millstream.sdk.xcom import XComArg

__all__ = [
    "DAG",
    "AirflowException",
    "AirflowFailException",
    "AirflowSkipException",
    "BaseBranchOperator",
    "BaseOperator",
    "BashOperator",
    "BranchPythonOperator",
    "EmptyOperator",
    "Label",
    "MillstreamError",
    "Param",
    "PythonOperator",
    "ShortCircuitOperator",
    "TaskGroup",
    "TriggerRule",
    "XComArg",
    "__version__",
    "chain",
    "chain_linear",
    "cross_downstream",
    "dag",
    "get_current_context",
    "task",
    "task_group",
]

_HOMES = {
    "AirflowException": "sdk.errors",
    "AirflowFailException": "sdk.errors",
    "AirflowSkipException": "sdk.errors",
    "BaseBranchOperator": "sdk.operators.branch",
    "BaseOperator": "sdk.operator",
    "BashOperator": "sdk.operators.bash",
    "BranchPythonOperator": "sdk.operators.branch",
    "DAG": "sdk.dag",
    "EmptyOperator": "sdk.operators.empty",
    "Label": "sdk.edges",
    "MillstreamError": "core.errors",
    "Param": "sdk.params",
    "PythonOperator": "sdk.operators.python",
    "ShortCircuitOperator": "sdk.operators.branch",
    "TaskGroup": "sdk.taskgroup",
    "TriggerRule": "core.spec",
    "XComArg": "sdk.xcom",
    "chain": "sdk.edges",
    "chain_linear": "sdk.edges",
    "cross_downstream": "sdk.edges",
    "dag": "sdk.dag",
    "get_current_context": "sdk.context",
    "task": "sdk.taskflow",
    "task_group": "sdk.taskgroup",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'millstream' has no attribute {name!r}")
    value = getattr(import_module(f"millstream.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
