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
    from millstream.sdk.asset_watcher import AssetWatcher
    from millstream.sdk.assets import Asset, AssetAlias, AssetAll, AssetAny, Dataset
    from millstream.sdk.async_operator import BaseAsyncOperator
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
        AirflowRescheduleException,
        AirflowSensorTimeout,
        AirflowSkipException,
        TaskDeferralError,
        TaskDeferralTimeout,
        TaskDeferred,
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
    from millstream.sdk.operators.human_input import (
        ApprovalOperator,
        HITLBranchOperator,
        HITLEntryOperator,
        HITLOperator,
    )
    from millstream.sdk.operators.python import PythonOperator
    from millstream.sdk.operators.trigger_dagrun import TriggerDagRunOperator
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
    from millstream.sdk.sensors.bash import BashSensor
    from millstream.sdk.sensors.external_task import ExternalTaskMarker, ExternalTaskSensor
    from millstream.sdk.sensors.file import FileSensor
    from millstream.sdk.sensors.python import PythonSensor
    from millstream.sdk.sensors.sensor import BaseSensorOperator, PokeReturnValue, poke_mode_only
    from millstream.sdk.sensors.time import (
        DateTimeSensor,
        DateTimeSensorAsync,
        DayOfWeekSensor,
        TimeDeltaSensor,
        TimeDeltaSensorAsync,
        TimeSensor,
        TimeSensorAsync,
        WaitSensor,
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
    from millstream.sdk.triggers.trigger import BaseTrigger, TriggerEvent
    from millstream.sdk.variable import Variable
    from millstream.sdk.xcom import XComArg

__all__ = [
    "DAG",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowRescheduleException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "ApprovalOperator",
    "Asset",
    "AssetAlias",
    "AssetAll",
    "AssetAny",
    "AssetOrTimeSchedule",
    "AssetWatcher",
    "AsyncCallback",
    "BaseAsyncOperator",
    "BaseBranchOperator",
    "BaseHook",
    "BaseNotifier",
    "BaseOperator",
    "BaseSensorOperator",
    "BaseTrigger",
    "BashOperator",
    "BashSensor",
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
    "DateTimeSensor",
    "DateTimeSensorAsync",
    "DayOfWeekSensor",
    "DeadlineAlert",
    "DeadlineReference",
    "DeltaDataIntervalTimetable",
    "DeltaTriggerTimetable",
    "EmptyOperator",
    "EventsTimetable",
    "ExceptionRetryPolicy",
    "ExternalPythonOperator",
    "ExternalTaskMarker",
    "ExternalTaskSensor",
    "FileSensor",
    "HITLBranchOperator",
    "HITLEntryOperator",
    "HITLOperator",
    "Label",
    "LatestOnlyOperator",
    "Metadata",
    "MillstreamError",
    "MultipleCronTriggerTimetable",
    "Param",
    "PokeReturnValue",
    "PythonOperator",
    "PythonSensor",
    "PythonVirtualenvOperator",
    "RetryAction",
    "RetryDecision",
    "RetryPolicy",
    "RetryRule",
    "ShortCircuitOperator",
    "SmtpNotifier",
    "SyncCallback",
    "TaskDeferralError",
    "TaskDeferralTimeout",
    "TaskDeferred",
    "TaskGroup",
    "TimeDeltaSensor",
    "TimeDeltaSensorAsync",
    "TimeSensor",
    "TimeSensorAsync",
    "Timetable",
    "TriggerDagRunOperator",
    "TriggerEvent",
    "TriggerRule",
    "Variable",
    "WaitSensor",
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
    "poke_mode_only",
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
    "AirflowRescheduleException": "sdk.errors",
    "AirflowSensorTimeout": "sdk.errors",
    "AirflowSkipException": "sdk.errors",
    "ApprovalOperator": "sdk.operators.human_input",
    "Asset": "sdk.assets",
    "AssetAlias": "sdk.assets",
    "AssetAll": "sdk.assets",
    "AssetAny": "sdk.assets",
    "AssetWatcher": "sdk.asset_watcher",
    "AssetOrTimeSchedule": "sdk.timetables",
    "AsyncCallback": "sdk.deadline",
    "BaseAsyncOperator": "sdk.async_operator",
    "BaseBranchOperator": "sdk.operators.branch",
    "BaseHook": "sdk.hook",
    "BaseNotifier": "sdk.notifier",
    "BaseOperator": "sdk.operator",
    "BaseSensorOperator": "sdk.sensors.sensor",
    "BaseTrigger": "sdk.triggers.trigger",
    "BashOperator": "sdk.operators.bash",
    "BashSensor": "sdk.sensors.bash",
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
    "DateTimeSensor": "sdk.sensors.time",
    "DateTimeSensorAsync": "sdk.sensors.time",
    "DayOfWeekSensor": "sdk.sensors.time",
    "DeadlineAlert": "sdk.deadline",
    "DeadlineReference": "sdk.deadline",
    "DeltaDataIntervalTimetable": "sdk.timetables",
    "DeltaTriggerTimetable": "sdk.timetables",
    "EmptyOperator": "sdk.operators.empty",
    "EventsTimetable": "sdk.timetables",
    "ExceptionRetryPolicy": "sdk.retry_policy",
    "ExternalPythonOperator": "sdk.operators.virtualenv",
    "ExternalTaskMarker": "sdk.sensors.external_task",
    "ExternalTaskSensor": "sdk.sensors.external_task",
    "FileSensor": "sdk.sensors.file",
    "HITLBranchOperator": "sdk.operators.human_input",
    "HITLEntryOperator": "sdk.operators.human_input",
    "HITLOperator": "sdk.operators.human_input",
    "Label": "sdk.edges",
    "LatestOnlyOperator": "sdk.operators.dates",
    "Metadata": "sdk.asset_events",
    "MillstreamError": "core.errors",
    "MultipleCronTriggerTimetable": "sdk.timetables",
    "Param": "sdk.params",
    "PokeReturnValue": "sdk.sensors.sensor",
    "PythonOperator": "sdk.operators.python",
    "PythonSensor": "sdk.sensors.python",
    "PythonVirtualenvOperator": "sdk.operators.virtualenv",
    "RetryAction": "sdk.retry_policy",
    "RetryDecision": "sdk.retry_policy",
    "RetryPolicy": "sdk.retry_policy",
    "RetryRule": "sdk.retry_policy",
    "ShortCircuitOperator": "sdk.operators.branch",
    "SmtpNotifier": "sdk.email",
    "SyncCallback": "sdk.deadline",
    "TaskDeferralError": "sdk.errors",
    "TaskDeferralTimeout": "sdk.errors",
    "TaskDeferred": "sdk.errors",
    "TaskGroup": "sdk.taskgroup",
    "TimeDeltaSensor": "sdk.sensors.time",
    "TimeDeltaSensorAsync": "sdk.sensors.time",
    "TimeSensor": "sdk.sensors.time",
    "TimeSensorAsync": "sdk.sensors.time",
    "Timetable": "sdk.timetables",
    "TriggerDagRunOperator": "sdk.operators.trigger_dagrun",
    "TriggerEvent": "sdk.triggers.trigger",
    "TriggerRule": "core.spec",
    "Variable": "sdk.variable",
    "WaitSensor": "sdk.sensors.time",
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
    "poke_mode_only": "sdk.sensors.sensor",
    "result": "sdk.taskflow",
    "setup": "sdk.setup_teardown",
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
