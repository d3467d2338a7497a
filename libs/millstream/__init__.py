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
    from millstream.sdk.asset_decorator import asset
    from millstream.sdk.asset_events import Metadata
    from millstream.sdk.assets import Asset, AssetAlias, AssetAll, AssetAny, Dataset
    from millstream.sdk.connection import Connection
    from millstream.sdk.context import get_current_context
    from millstream.sdk.dag import DAG, dag
    from millstream.sdk.deadline import (
        AsyncCallback,
        DeadlineAlert,
        DeadlineReference,
        SyncCallback,
    )
    from millstream.sdk.edges import Label, chain, chain_linear, cross_downstream
    from millstream.sdk.email import SmtpNotifier
    from millstream.sdk.errors import (
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSkipException,
    )
    from millstream.sdk.hook import BaseHook
    from millstream.sdk.macros import macros
    from millstream.sdk.masking import mask_secret
    from millstream.sdk.notifier import BaseNotifier
    from millstream.sdk.operator import BaseOperator
    from millstream.sdk.operators.bash import BashOperator
    from millstream.sdk.operators.branch import (
        BaseBranchOperator,
        BranchPythonOperator,
        ShortCircuitOperator,
    )
    from millstream.sdk.operators.dates import (
        BranchDateTimeOperator,
        BranchDayOfWeekOperator,
        LatestOnlyOperator,
        WeekDay,
    )
    from millstream.sdk.operators.empty import EmptyOperator
    from millstream.sdk.operators.python import PythonOperator
    from millstream.sdk.operators.virtualenv import (
        BranchExternalPythonOperator,
        BranchPythonVirtualenvOperator,
        ExternalPythonOperator,
        PythonVirtualenvOperator,
    )
    from millstream.sdk.params import Param
    from millstream.sdk.retry_policy import (
        ExceptionRetryPolicy,
        RetryAction,
        RetryDecision,
        RetryPolicy,
        RetryRule,
    )
    from millstream.sdk.setup_teardown import setup, teardown
    from millstream.sdk.taskflow import result, task
    from millstream.sdk.taskgroup import TaskGroup, task_group
    from millstream.sdk.templates import literal
    from millstream.sdk.timetables import (
        AssetOrTimeSchedule,
        ContinuousTimetable,
        CronDataIntervalTimetable,
        CronTriggerTimetable,
        DeltaDataIntervalTimetable,
        DeltaTriggerTimetable,
        EventsTimetable,
        MultipleCronTriggerTimetable,
        Timetable,
    )
    from millstream.sdk.variable import Variable
    from millstream.sdk.xcom import XComArg

__all__ = [
    "DAG",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSkipException",
    "Asset",
    "AssetAlias",
    "AssetAll",
    "AssetAny",
    "AssetOrTimeSchedule",
    "AsyncCallback",
    "BaseBranchOperator",
    "BaseHook",
    "BaseNotifier",
    "BaseOperator",
    "BashOperator",
    "BranchDateTimeOperator",
    "BranchDayOfWeekOperator",
    "BranchExternalPythonOperator",
    "BranchPythonOperator",
    "BranchPythonVirtualenvOperator",
    "Connection",
    "ContinuousTimetable",
    "CronDataIntervalTimetable",
    "CronTriggerTimetable",
    "Dataset",
    "DeadlineAlert",
    "DeadlineReference",
    "DeltaDataIntervalTimetable",
    "DeltaTriggerTimetable",
    "EmptyOperator",
    "EventsTimetable",
    "ExceptionRetryPolicy",
    "ExternalPythonOperator",
    "Label",
    "LatestOnlyOperator",
    "Metadata",
    "MillstreamError",
    "MultipleCronTriggerTimetable",
    "Param",
    "PythonOperator",
    "PythonVirtualenvOperator",
    "RetryAction",
    "RetryDecision",
    "RetryPolicy",
    "RetryRule",
    "ShortCircuitOperator",
    "SmtpNotifier",
    "SyncCallback",
    "TaskGroup",
    "Timetable",
    "TriggerRule",
    "Variable",
    "WeekDay",
    "XComArg",
    "__version__",
    "asset",
    "chain",
    "chain_linear",
    "cross_downstream",
    "dag",
    "get_current_context",
    "literal",
    "macros",
    "mask_secret",
    "result",
    "setup",
    "task",
    "task_group",
    "teardown",
]

_HOMES = {
    "AirflowException": "sdk.errors",
    "AirflowFailException": "sdk.errors",
    "AirflowNotFoundException": "sdk.errors",
    "AirflowSkipException": "sdk.errors",
    "Asset": "sdk.assets",
    "AssetAlias": "sdk.assets",
    "AssetAll": "sdk.assets",
    "AssetAny": "sdk.assets",
    "AssetOrTimeSchedule": "sdk.timetables",
    "AsyncCallback": "sdk.deadline",
    "BaseBranchOperator": "sdk.operators.branch",
    "BaseHook": "sdk.hook",
    "BaseNotifier": "sdk.notifier",
    "BaseOperator": "sdk.operator",
    "BashOperator": "sdk.operators.bash",
    "BranchDateTimeOperator": "sdk.operators.dates",
    "BranchDayOfWeekOperator": "sdk.operators.dates",
    "BranchExternalPythonOperator": "sdk.operators.virtualenv",
    "BranchPythonOperator": "sdk.operators.branch",
    "BranchPythonVirtualenvOperator": "sdk.operators.virtualenv",
    "Connection": "sdk.connection",
    "ContinuousTimetable": "sdk.timetables",
    "CronDataIntervalTimetable": "sdk.timetables",
    "CronTriggerTimetable": "sdk.timetables",
    "DAG": "sdk.dag",
    "Dataset": "sdk.assets",
    "DeadlineAlert": "sdk.deadline",
    "DeadlineReference": "sdk.deadline",
    "DeltaDataIntervalTimetable": "sdk.timetables",
    "DeltaTriggerTimetable": "sdk.timetables",
    "EmptyOperator": "sdk.operators.empty",
    "EventsTimetable": "sdk.timetables",
    "ExceptionRetryPolicy": "sdk.retry_policy",
    "ExternalPythonOperator": "sdk.operators.virtualenv",
    "Label": "sdk.edges",
    "LatestOnlyOperator": "sdk.operators.dates",
    "Metadata": "sdk.asset_events",
    "MillstreamError": "core.errors",
    "MultipleCronTriggerTimetable": "sdk.timetables",
    "Param": "sdk.params",
    "PythonOperator": "sdk.operators.python",
    "PythonVirtualenvOperator": "sdk.operators.virtualenv",
    "RetryAction": "sdk.retry_policy",
    "RetryDecision": "sdk.retry_policy",
    "RetryPolicy": "sdk.retry_policy",
    "RetryRule": "sdk.retry_policy",
    "ShortCircuitOperator": "sdk.operators.branch",
    "SmtpNotifier": "sdk.email",
    "SyncCallback": "sdk.deadline",
    "TaskGroup": "sdk.taskgroup",
    "Timetable": "sdk.timetables",
    "TriggerRule": "core.spec",
    "Variable": "sdk.variable",
    "WeekDay": "sdk.operators.dates",
    "XComArg": "sdk.xcom",
    "asset": "sdk.asset_decorator",
    "chain": "sdk.edges",
    "chain_linear": "sdk.edges",
    "cross_downstream": "sdk.edges",
    "dag": "sdk.dag",
    "get_current_context": "sdk.context",
    "literal": "sdk.templates",
    "macros": "sdk.macros",
    "mask_secret": "sdk.masking",
    "setup": "sdk.setup_teardown",
    "result": "sdk.taskflow",
    "task": "sdk.taskflow",
    "task_group": "sdk.taskgroup",
    "teardown": "sdk.setup_teardown",
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
