"""Which arguments of Airflow are accepted, ignored or refused.

A misspelt argument that is silently ignored costs an evening, so every unknown one is an error. An
argument that Airflow has is ignored only where ignoring it changes nothing that runs.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, cast, get_args

from millstream.core.spec import Isolation, TriggerRule
from millstream.sdk.errors import NotSupportedYet

# Accepted and ignored: contact data, looks, and names of Airflow 1 and 2 that lost their meaning.
IGNORED_TASK_ARGUMENTS = frozenset(
    {
        "provide_context", "ui_color",
        "ui_fgcolor", "run_as_user", "logger_name",
        "show_return_value_in_logs", "retry_handler",
    }
)  # fmt: skip
IGNORED_DAG_ARGUMENTS = frozenset(
    {
        "owner_links", "access_control", "default_view", "orientation",
        "auto_register", "disable_bundle_versioning", "full_filepath",
    }
)  # fmt: skip

# Refused, unless the value is one of these: then it asks for what happens anyway.
_NOTHING: tuple[Any, ...] = (None, [], ())
PLANNED_TASK_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "end_date": (None,),
    "executor": (None,),
    "executor_config": (None, {}),
    "allow_nested_operators": (None, True),
    "output_processor": (None,),
}
PLANNED_DAG_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "allowed_run_types": (None,),
}


def check_arguments(
    callee: str,
    given: Mapping[str, Any],
    known: Collection[str],
    ignored: frozenset[str],
    planned: Mapping[str, tuple[Any, ...]],
) -> None:
    """Raises ``TypeError`` for an argument that nobody knows, naming the nearest of ``known``, and
    :class:`NotSupportedYet` for one that is ``planned``."""
    for name, value in given.items():
        if name in ignored:
            continue
        if name in planned:
            check_planned(callee, name, value, planned)
            continue
        near = nearest(name, [*known, *planned])
        hint = f"; did you mean {near!r}?" if near else f"; it knows {', '.join(sorted(known))}"
        raise TypeError(f"{callee}() got an unknown argument {name!r}{hint}")


def check_planned(
    callee: str, name: str, value: Any, planned: Mapping[str, tuple[Any, ...]]
) -> None:
    """Raises :class:`NotSupportedYet` unless ``value`` asks for what happens anyway."""
    if not any(type(value) is type(same) and value == same for same in planned[name]):
        raise NotSupportedYet(
            f"{callee}: {name}={value!r} is not supported yet, and ignoring it would change what "
            f"runs; remove {name!r} if the DAG is right without it"
        )


def checked_defaults(what: str, default_args: Mapping[str, Any] | None) -> dict[str, Any]:
    """A copy without those that ask for what happens anyway."""
    defaults = dict(default_args or {})
    for name in sorted(set(defaults) & set(PLANNED_TASK_ARGUMENTS)):
        check_planned(what, name, defaults.pop(name), PLANNED_TASK_ARGUMENTS)
    return defaults


def warn_of_sla(what: str) -> None:
    """``sla`` was removed in Airflow 3."""
    warnings.warn(
        f"sla of {what} has no effect: Airflow 3 removed it; use the DAG's deadline=DeadlineAlert("
        f"...)",
        DeprecationWarning,
        stacklevel=2,
    )


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that a person who wrote ``name`` most likely meant."""
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return found[0] if found else None


def text(name: str, value: object) -> str:
    """A text that may be left out."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}; it must be a str")
    return value or ""


def flag(name: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; it must be True or False")
    return value


def whole(name: str, value: object, least: int = 0) -> int:
    """A whole number that is not too small."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; it must be a whole number")
    if value < least:
        raise ValueError(f"{name} is {value}; it must be {least} or more")
    return value


def seconds(name: str, value: object) -> float:
    """A duration in seconds, from a timedelta or a number of seconds."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise TypeError(f"{name} is {value!r}; pass a datetime.timedelta or a number of seconds")


def count(name: str, value: Any) -> int:
    """A whole number; None means 0."""
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}; it must be a whole number")
    return int(value)


def hook(name: str, hook: Any) -> Any:
    """A function, or None."""
    if hook is not None and not callable(hook):
        raise TypeError(f"{name} is {hook!r}; pass a function, without ()")
    return hook


def multiplier(backoff: bool | float) -> float:
    """True means 2; False and 0 mean that the delay stays the same."""
    if isinstance(backoff, bool):
        return 2.0 if backoff else 1.0
    return seconds("retry_exponential_backoff", backoff) or 1.0


def optional_seconds(name: str, value: timedelta | float | None) -> float | None:
    """A duration in seconds, or None."""
    return None if value is None else seconds(name, value)


def isolation_of(value: object) -> Isolation:
    """How a task is kept apart from others."""
    if value not in get_args(Isolation):
        known = " or ".join(map(repr, get_args(Isolation)))
        kind = ValueError if isinstance(value, str) else TypeError
        raise kind(f"isolation is {value!r}; it must be {known}")
    return cast(Isolation, value)


def trigger_rule_of(value: TriggerRule | str) -> TriggerRule:
    """The rule of this name. Raises ``ValueError`` naming the nearest."""
    try:
        return TriggerRule(value)
    except ValueError:
        known = [rule.value for rule in TriggerRule]
        near = nearest(str(value), known)
        hint = f"did you mean {near!r}?" if near else f"use one of {', '.join(known)}"
        raise ValueError(f"trigger_rule {value!r} is unknown; {hint}") from None
