"""``retry_policy=``: whether and when a task is tried again, by the exception that it raised.

A policy is asked in the task's process. It can end the tries early and choose the delay, and never
adds to ``retries``; what ``AirflowFailException`` says is not asked about. Source: Airflow 3.3.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from millstream.sdk.context import Context

log = logging.getLogger("millstream.task.retry_policy")

ExceptionSpec = type[BaseException] | str


class RetryAction(Enum):
    """What a failure leads to: another try if ``retries`` allows one, none, or what the task would
    do without a policy."""

    RETRY = "retry"
    FAIL = "fail"
    DEFAULT = "default"


@dataclass(frozen=True)
class RetryDecision:
    """What a policy answers. ``retry_delay`` None: the task's own; ``reason`` is logged."""

    action: RetryAction = RetryAction.DEFAULT
    retry_delay: timedelta | None = None
    reason: str | None = None

    @classmethod
    def fail(cls, reason: str | None = None) -> RetryDecision:
        """No further try."""
        return cls(action=RetryAction.FAIL, reason=reason)

    @classmethod
    def retry(cls, delay: timedelta | None = None, reason: str | None = None) -> RetryDecision:
        """Another try, after this delay."""
        return cls(action=RetryAction.RETRY, retry_delay=delay, reason=reason)

    @classmethod
    def default(cls) -> RetryDecision:
        """As without a policy."""
        return cls()


class RetryPolicy:
    """Subclass it and override :meth:`evaluate`."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decides about try ``try_number`` (from 1); ``max_tries`` is the number of retries."""
        raise NotImplementedError(f"{type(self).__name__} has no evaluate method")


@dataclass(frozen=True)
class RetryRule:
    """What an exception leads to: a class, its dotted path, or a list of these. Without
    ``match_subclasses`` only those very classes match."""

    exception: ExceptionSpec | Sequence[ExceptionSpec]
    action: RetryAction = RetryAction.RETRY
    retry_delay: timedelta | None = None
    reason: str | None = None
    match_subclasses: bool = True

    def __post_init__(self) -> None:
        for spec in self._specs:
            if isinstance(spec, str):
                if "." not in spec:
                    raise ValueError(
                        f"exception of a RetryRule is {spec!r}; pass a class or a dotted path such "
                        f"as 'builtins.ValueError'"
                    )
            elif not (isinstance(spec, type) and issubclass(spec, BaseException)):
                raise TypeError(f"exception of a RetryRule is {spec!r}; pass an exception class")
        object.__setattr__(self, "action", RetryAction(self.action))
        delay: object = self.retry_delay
        if delay is not None and (not isinstance(delay, timedelta) or delay < timedelta()):
            raise TypeError(f"retry_delay of a RetryRule is {delay!r}; pass a positive timedelta")

    @property
    def _specs(self) -> list[Any]:
        given = self.exception
        return list(given) if isinstance(given, list | tuple) else [given]

    def matches(self, error: BaseException) -> bool:
        """Whether the rule is about this exception."""
        classes = tuple(found for spec in self._specs if (found := _resolve(spec)) is not None)
        return isinstance(error, classes) if self.match_subclasses else type(error) in classes


def _resolve(spec: ExceptionSpec) -> type[BaseException] | None:
    """The class; None for a path that leads nowhere here, which then matches nothing."""
    if not isinstance(spec, str):
        return spec
    module, _, name = spec.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        log.warning("The exception %r of a RetryRule cannot be imported; it matches nothing", spec)
        return None
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


class ExceptionRetryPolicy(RetryPolicy):
    """The first rule that matches decides, else ``default``."""

    def __init__(
        self, rules: Sequence[RetryRule], default: RetryAction = RetryAction.DEFAULT
    ) -> None:
        self.rules = list(rules)
        for rule in self.rules:
            if not isinstance(rule, RetryRule):
                raise TypeError(f"rules of ExceptionRetryPolicy holds {rule!r}; pass RetryRules")
        self.default = RetryAction(default)

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Looks for the first rule."""
        for rule in self.rules:
            if rule.matches(exception):
                reason = rule.reason or f"Matched rule for {type(exception).__name__}"
                return RetryDecision(rule.action, rule.retry_delay, reason)
        return RetryDecision(self.default)


def ask_policy(
    policy: RetryPolicy, error: BaseException, try_number: int, max_tries: int, context: Context
) -> RetryDecision:
    """The decision; the default one where the policy itself fails."""
    try:
        decision: object = policy.evaluate(error, try_number, max_tries, context)
    except Exception:
        log.exception("%s failed; the task's own settings apply", type(policy).__name__)
        return RetryDecision()
    if not isinstance(decision, RetryDecision):
        log.error("%s returned %r, which is no RetryDecision", type(policy).__name__, decision)
        return RetryDecision()
    if decision.action is not RetryAction.DEFAULT:
        log.info(
            "%s: %s%s",
            type(policy).__name__,
            decision.action.value,
            f" ({decision.reason})" if decision.reason else "",
        )
    return decision
