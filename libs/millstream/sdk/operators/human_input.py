"""Tasks that ask a person and wait for the answer without a process or a slot (Airflow's HITL
operators)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypedDict

from millstream.core.deferral import AssignedUser, InputRequest
from millstream.core.event_parts import Choice
from millstream.sdk import arguments
from millstream.sdk.errors import (
    HITLRejectException,
    HITLTimeoutError,
    HITLTriggerEventError,
    ParamValidationError,
    TaskAwaitingInput,
)
from millstream.sdk.operator import FAIL, TRIGGER_TIMEOUT, BaseOperator
from millstream.sdk.operators.branch import follow
from millstream.sdk.params import ParamsDict

if TYPE_CHECKING:
    from millstream.sdk.context import Context

Notifier = Callable[[Any], Any]


class HITLUser(TypedDict):
    """Somebody who may answer."""

    id: str
    name: str


class HITLOperator(BaseOperator):
    """Asks ``subject``, with ``body`` (Markdown) beside it, and hands on the answer: a dict with
    ``chosen_options``, ``params_input``, ``responded_at`` and ``responded_by_user``.

    ``options``: what may be chosen, one or, with ``multiple``, several. ``params``: the fields of a
    form. ``defaults``: what is taken when nobody answered within ``response_timeout`` (a timedelta
    or seconds); without them the task then fails. ``assigned_users``: who may answer, all if empty.
    ``notifiers`` are called with the context when the question is asked.
    """

    template_fields: Sequence[str] = ("subject", "body")
    params_are_asked: ClassVar[bool] = True

    def __init__(
        self,
        *,
        subject: str,
        options: list[str],
        body: str | None = None,
        defaults: str | list[str] | None = None,
        multiple: bool = False,
        params: Mapping[str, Any] | None = None,
        notifiers: Sequence[Notifier] | Notifier | None = None,
        assigned_users: HITLUser | list[HITLUser] | None = None,
        response_timeout: timedelta | float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.subject = subject
        self.body = body
        self.options = list(options)
        self.defaults = [defaults] if isinstance(defaults, str) else defaults
        self.multiple = multiple
        self.params = ParamsDict(params, f"task {self.task_id!r}")
        self.notifiers = [notifiers] if callable(notifiers) else list(notifiers or ())
        users = [assigned_users] if isinstance(assigned_users, dict) else assigned_users
        self.assigned_users = users
        self.response_timeout = response_timeout
        self._timeout_s = arguments.optional_seconds("response_timeout", response_timeout)
        if self._timeout_s is None and self.execution_timeout_s is not None:
            # As in Airflow: the limit is meant for the person, not for asking.
            self._timeout_s, self.execution_timeout_s = self.execution_timeout_s, None
        self._check()

    def _check(self) -> None:
        what = f"task {self.task_id!r}"
        if not self.options or not all(isinstance(option, str) for option in self.options):
            raise ValueError(f"{what}: options {self.options!r} must be a list of str, not empty")
        if len(set(self.options)) < len(self.options):
            raise ValueError(f"{what}: options {self.options!r} names one twice")
        if "_options" in self.params:
            raise ValueError(f"{what}: '_options' is not allowed in params")
        strange = [option for option in self.defaults or () if option not in self.options]
        if strange:
            raise ValueError(
                f"{what}: defaults has {strange[0]!r}, which is none of the options "
                f"{self.options!r}"
            )
        if len(self.defaults or ()) > 1 and not self.multiple:
            raise ValueError(f"{what}: defaults has several options; set multiple=True")
        _users(self.assigned_users)

    def execute(self, context: Context) -> NoReturn:
        """Asks."""
        for notifier in self.notifiers:
            notifier(context)
        raise TaskAwaitingInput(
            request=self.request(), method_name="execute_complete", timeout=self._timeout_s
        )

    def request(self) -> InputRequest:
        """The question, as plain data."""
        return InputRequest(
            subject=str(self.subject),
            options=tuple(self.options),
            body=str(self.body or ""),
            defaults=None if self.defaults is None else tuple(self.defaults),
            multiple=self.multiple,
            params={name: self._field(name) for name in self.params},
            assigned_users=_users(self.assigned_users),
        )

    def _field(self, name: str) -> dict[str, Any]:
        param = self.params.get_param(name)
        field: dict[str, Any] = {"value": param.value if param.has_value else None}
        if param.description:
            field["description"] = param.description
        if param.schema:
            field["schema"] = dict(param.schema)
        return field

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> Any:
        """Nobody answered in time: that is said to :meth:`execute_complete` as in Airflow."""
        if next_method == FAIL:
            given = next_kwargs or {}
            is_timeout = given.get("error") == TRIGGER_TIMEOUT
            event = {
                "error": given.get("message") or given.get("error"),
                "error_type": "timeout" if is_timeout else "unknown",
            }
            return self.execute_complete(context, event)
        return super().resume_execution(next_method, next_kwargs, context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """The answer, checked."""
        if "error" in event:
            kind = HITLTimeoutError if event["error_type"] == "timeout" else HITLTriggerEventError
            raise kind(f"{self.subject!r}: {event['error']}")
        answer = {
            "chosen_options": list(event["chosen_options"]),
            "params_input": dict(event["params_input"] or {}),
            "responded_at": event["responded_at"],
            "responded_by_user": event["responded_by_user"],
            "timedout": event.get("timedout", False),
        }
        self.validate_chosen_options(answer["chosen_options"])
        self.validate_params_input(answer["params_input"])
        return answer

    def validate_chosen_options(self, chosen_options: list[str]) -> None:
        """Raises ``ValueError`` for what is no option."""
        strange = [option for option in chosen_options if option not in self.options]
        if strange:
            raise ValueError(f"the answer {strange[0]!r} is none of {self.options!r}")

    def validate_params_input(self, params_input: Mapping[str, Any]) -> None:
        """Raises :class:`ParamValidationError` for a field that breaks its rules."""
        for name, value in params_input.items():
            if name not in self.params:
                raise ParamValidationError(name, value, "the form has no such field")
            self.params.get_param(name).checked(name, value, "given by the answer")


class ApprovalOperator(HITLOperator):
    """Approve or Reject. A rejection skips the tasks directly downstream, and their trigger rules
    decide about the rest, or with ``ignore_downstream_trigger_rules`` everything downstream; with
    ``fail_on_reject`` the task fails."""

    APPROVE: ClassVar[str] = "Approve"
    REJECT: ClassVar[str] = "Reject"

    def __init__(
        self,
        *,
        ignore_downstream_trigger_rules: bool = False,
        fail_on_reject: bool = False,
        **kwargs: Any,
    ) -> None:
        for name in ("options", "multiple"):
            if name in kwargs:
                raise ValueError(
                    f"{name}={kwargs[name]!r} is not allowed: {type(self).__name__} asks for "
                    f"'{self.APPROVE}' or '{self.REJECT}'"
                )
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules
        self.fail_on_reject = fail_on_reject
        super().__init__(options=[self.APPROVE, self.REJECT], multiple=False, **kwargs)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Goes on if it was approved."""
        answer = super().execute_complete(context, event)
        if answer["chosen_options"] == [self.APPROVE]:
            return answer
        if self.fail_on_reject:
            raise HITLRejectException(f"{self.subject!r} was rejected")
        everything = self.ignore_downstream_trigger_rules
        context["ti"].choice = Choice(skip="all" if everything else "direct")
        return answer


class HITLBranchOperator(HITLOperator):
    """The chosen options are the tasks that go on; ``options_mapping`` says which option means
    which task."""

    def __init__(self, *, options_mapping: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options_mapping = dict(options_mapping or {})
        for option, task_id in self.options_mapping.items():
            if option not in self.options:
                raise ValueError(f"options_mapping: {option!r} is none of {self.options!r}")
            if not isinstance(task_id, str):
                raise ValueError(f"options_mapping: {option!r} is {task_id!r}; it must be a str")

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Follows the chosen branches."""
        answer = super().execute_complete(context, event)
        chosen = [self.options_mapping.get(one, one) for one in answer["chosen_options"]]
        follow(self, chosen, context)
        return chosen


class HITLEntryOperator(HITLOperator):
    """A form to fill in: its only option, unless others are given, is "OK"."""

    OK: ClassVar[str] = "OK"

    def __init__(self, **kwargs: Any) -> None:
        if "options" not in kwargs:
            kwargs["options"] = [self.OK]
            kwargs.setdefault("defaults", [self.OK])
        super().__init__(**kwargs)


def _users(users: Sequence[HITLUser] | None) -> tuple[AssignedUser, ...]:
    found = []
    for user in users or ():
        if not dict(user).get("id"):
            raise ValueError(
                f"assigned_users has {user!r}; each must be a dict such as "
                f"{{'id': '1', 'name': 'ada'}}"
            )
        found.append(AssignedUser(id=str(user["id"]), name=str(user.get("name") or "")))
    return tuple(found)
