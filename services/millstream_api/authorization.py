"""The one table of what each method does, and to what. A method that is not in it is for nobody."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from millstream.adapters.visibility import ALL_VISIBLE, Visibility
from millstream.core.access import ALL, Action, Principal, dags_for, may, may_somewhere
from millstream_api.identity import PermissionDenied

PACKAGE = "millstream.rpc.v1."
DEFAULT_NAMESPACE = "default"

# Where the request says what it is about:
#   nothing     about nothing that belongs to anybody
#   namespace   `namespace`, as a whole
#   dag         `namespace` and `dag_id`; without a DAG: those DAGs of it that the caller may
#   one dag     as `dag`, but who may not all of the namespace names the DAG: the answer comes from
#               somewhere else than the database, which would show them no others
#   spec        `namespace` and `spec.dag_id`
#   log         as `dag`, but an empty namespace is all of them, and without a DAG it is all of it
#   feed        as `dag`, but an empty namespace is all of them
#   place       `namespace` and `dag_id` as they stand in a role: `*` is all namespaces
#   everything  the whole installation
Place = Literal[
    "nothing", "namespace", "dag", "one dag", "spec", "log", "feed", "place", "everything"
]


class Rule(NamedTuple):
    action: Action
    place: Place


KNOW, VIEW, OPERATE = Action.KNOW, Action.VIEW, Action.OPERATE
CONFIGURE, AUTHOR, ADMINISTER = Action.CONFIGURE, Action.AUTHOR, Action.ADMINISTER

RULES: dict[str, Rule] = {
    "AccessService/WhoAmI": Rule(KNOW, "nothing"),
    "AccessService/CreateUser": Rule(ADMINISTER, "everything"),
    "AccessService/DeleteUser": Rule(ADMINISTER, "everything"),
    "AccessService/ListUsers": Rule(ADMINISTER, "everything"),
    "AccessService/GrantRole": Rule(ADMINISTER, "place"),
    "AccessService/RevokeRole": Rule(ADMINISTER, "place"),
    "AccessService/ListRoles": Rule(ADMINISTER, "namespace"),
    # The caller's own; those of others only for who may administer everything, which the service
    # judges.
    "AccessService/CreateToken": Rule(KNOW, "nothing"),
    "AccessService/ListTokens": Rule(KNOW, "nothing"),
    "AccessService/RevokeToken": Rule(KNOW, "nothing"),
    "AssetService/ListAssets": Rule(VIEW, "namespace"),
    "AssetService/ListAssetEvents": Rule(VIEW, "dag"),
    "AssetService/EmitAssetEvent": Rule(OPERATE, "namespace"),
    "BackfillService/CreateBackfill": Rule(OPERATE, "dag"),
    "BackfillService/DryRunBackfill": Rule(VIEW, "dag"),
    "BackfillService/ListBackfills": Rule(VIEW, "dag"),
    "BackfillService/SetBackfillPaused": Rule(OPERATE, "dag"),
    "BackfillService/CancelBackfill": Rule(OPERATE, "dag"),
    "ConnectionService/SetConnection": Rule(CONFIGURE, "namespace"),
    "ConnectionService/GetConnection": Rule(CONFIGURE, "namespace"),
    "ConnectionService/ListConnections": Rule(CONFIGURE, "namespace"),
    "ConnectionService/DeleteConnection": Rule(CONFIGURE, "namespace"),
    # A bundle is nothing before a DAG names it.
    "DagService/UploadBundle": Rule(AUTHOR, "nothing"),
    "DagService/SubmitDag": Rule(AUTHOR, "spec"),
    "DagService/GetDag": Rule(VIEW, "dag"),
    "DagService/GetDagVersion": Rule(VIEW, "dag"),
    "DagService/ListDags": Rule(VIEW, "dag"),
    "DagService/ListDagVersions": Rule(VIEW, "dag"),
    "DagService/SetDagPaused": Rule(OPERATE, "dag"),
    "EventService/ListEvents": Rule(VIEW, "log"),
    "EventService/WatchEvents": Rule(VIEW, "feed"),
    "EventService/ExportEvents": Rule(VIEW, "everything"),
    # A position and a digest, and of no use without the events.
    "EventService/GetHead": Rule(KNOW, "nothing"),
    "ExplainService/ExplainTask": Rule(VIEW, "one dag"),
    "HistoryService/DiffRuns": Rule(VIEW, "dag"),
    "HistoryService/GetLineage": Rule(VIEW, "dag"),
    "HistoryService/RerunRun": Rule(OPERATE, "dag"),
    "HistoryService/WhatIf": Rule(VIEW, "dag"),
    "HistoryService/GetRunAt": Rule(VIEW, "dag"),
    "HistoryService/ListTaskInstancesAt": Rule(VIEW, "dag"),
    "HistoryService/ListRunsAt": Rule(VIEW, "dag"),
    "HistoryService/ListDagsAt": Rule(VIEW, "dag"),
    "HistoryService/GetStateAt": Rule(VIEW, "namespace"),
    "HumanInputService/ListInputRequests": Rule(VIEW, "dag"),
    "HumanInputService/GetInputRequest": Rule(VIEW, "dag"),
    "HumanInputService/AnswerInputRequest": Rule(OPERATE, "dag"),
    # Whoever may submit DAGs watches their files.
    "ImportErrorService/ReportImportErrors": Rule(AUTHOR, "namespace"),
    "ImportErrorService/ListImportErrors": Rule(VIEW, "namespace"),
    "LogService/ReadLog": Rule(VIEW, "dag"),
    "PoolService/SetPool": Rule(OPERATE, "namespace"),
    "PoolService/GetPool": Rule(VIEW, "namespace"),
    "PoolService/ListPools": Rule(VIEW, "namespace"),
    "PoolService/DeletePool": Rule(OPERATE, "namespace"),
    "RunService/TriggerRun": Rule(OPERATE, "dag"),
    "RunService/GetRun": Rule(VIEW, "dag"),
    "RunService/ListRuns": Rule(VIEW, "dag"),
    "RunService/GetGrid": Rule(VIEW, "dag"),
    "RunService/CountRuns": Rule(VIEW, "dag"),
    "RunService/ListTaskInstances": Rule(VIEW, "dag"),
    "RunService/GetRenderedFields": Rule(VIEW, "dag"),
    "RunService/WatchRun": Rule(VIEW, "dag"),
    "RunService/GetTaskInstance": Rule(VIEW, "dag"),
    "RunService/ListAttempts": Rule(VIEW, "dag"),
    "RunService/GetXCom": Rule(VIEW, "dag"),
    "RunService/ListXComs": Rule(VIEW, "dag"),
    "RunService/ClearTasks": Rule(OPERATE, "dag"),
    "RunService/MarkTasks": Rule(OPERATE, "dag"),
    "RunService/MarkRun": Rule(OPERATE, "dag"),
    "SecretService/GetSecretKeys": Rule(ADMINISTER, "everything"),
    "SecretService/RotateSecrets": Rule(ADMINISTER, "everything"),
    "SystemService/GetOverview": Rule(VIEW, "dag"),
    "SystemService/GetHealth": Rule(KNOW, "nothing"),
    "SystemService/GetStatus": Rule(KNOW, "nothing"),
    # Workers run tasks of all namespaces, and say which.
    "WorkerService/GetWorker": Rule(VIEW, "everything"),
    "WorkerService/ListWorkers": Rule(VIEW, "everything"),
    # The names; a value is for those who may change it.
    "VariableService/ListVariables": Rule(VIEW, "namespace"),
    "VariableService/GetVariable": Rule(CONFIGURE, "namespace"),
    "VariableService/SetVariable": Rule(CONFIGURE, "namespace"),
    "VariableService/DeleteVariable": Rule(CONFIGURE, "namespace"),
}


def rule_of(method: str) -> Rule | None:
    """Of a method as it is called, ``/millstream.rpc.v1.RunService/GetRun``."""
    return RULES.get(method.removeprefix(f"/{PACKAGE}"))


def authorize(principal: Principal, method: str, request: Any) -> Visibility:
    """What of the database the call may see: the DAGs to which the caller may do what it asked for.
    Raises :class:`PermissionDenied`."""
    rule = rule_of(method)
    if rule is None:
        raise PermissionDenied("Nobody may call this method: it has no rule.")
    return _judge(principal, rule, request)


def _judge(principal: Principal, rule: Rule, request: Any) -> Visibility:
    action = rule.action
    match rule.place:
        case "nothing":
            is_allowed = may_somewhere(principal, action) or action is Action.KNOW
            return _all(is_allowed, rule, "")
        case "everything":
            return _all(may(principal, action, ALL), rule, ALL)
        case "place":
            namespace = request.namespace or DEFAULT_NAMESPACE
            return _all(may(principal, action, namespace, request.dag_id), rule, namespace)
        case "feed" if not request.namespace:
            return _all(may(principal, action, ALL), rule, ALL)
        case "log":
            namespace = request.namespace or ALL
            return _all(may(principal, action, namespace, request.dag_id), rule, namespace)
        case "namespace":
            namespace = request.namespace or DEFAULT_NAMESPACE
            return _all(may(principal, action, namespace), rule, namespace)
        case "spec":
            namespace = request.namespace or DEFAULT_NAMESPACE
            return _all(may(principal, action, namespace, request.spec.dag_id), rule, namespace)
        case "dag" | "one dag" | "feed":
            namespace = request.namespace or DEFAULT_NAMESPACE
            dags = dags_for(principal, action, namespace)
            if dags is None:
                return ALL_VISIBLE
            dag_id = getattr(request, "dag_id", "")
            is_named = dag_id or rule.place == "one dag"
            if not dags or (is_named and dag_id not in dags):
                raise _denied(rule, namespace, dag_id)
            return Visibility(namespace, dags)


def _all(is_allowed: bool, rule: Rule, namespace: str) -> Visibility:
    if not is_allowed:
        raise _denied(rule, namespace)
    return ALL_VISIBLE


def _denied(rule: Rule, namespace: str, dag_id: str = "") -> PermissionDenied:
    where = f" in the namespace {namespace[:60]!r}" if namespace not in ("", ALL) else ""
    where = " in all namespaces" if namespace == ALL else where
    of = f" for the DAG {dag_id[:60]!r}" if dag_id else ""
    return PermissionDenied(f"You may not do this: it needs the right to {rule.action}{of}{where}.")
