"""``Param`` and ``ParamsDict``: values with rules that a run may be given, and how they combine."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from millstream.sdk.errors import AirflowException, ParamValidationError
from millstream.sdk.schema import Violation, check, check_schema

_UNSET: Any = object()


class Param:
    """A default value and the JSON Schema that each value must meet:
    ``Param(5, type="integer", minimum=1, maximum=10, title="Batches")``.

    Without a default a run must be given the value. ``schema`` may hold the keywords as a dict.
    """

    def __init__(
        self, default: Any = _UNSET, description: str | None = None, **keywords: Any
    ) -> None:
        schema = keywords.pop("schema", None)
        if schema is not None and not isinstance(schema, Mapping):
            raise TypeError(f"Param: schema is {schema!r}; it must be a dict of keywords")
        self.schema: dict[str, Any] = {**(schema or {}), **keywords}
        check_schema(self.schema, "Param")
        self.description = description
        self.value = default if default is _UNSET else _plain(default, "the default of a Param")

    @property
    def has_value(self) -> bool:
        """Whether it has a default."""
        return self.value is not _UNSET

    def with_value(self, value: Any) -> Param:
        """The same rules with another value."""
        other = copy.copy(self)
        other.value = _plain(value, "the value of a Param")
        return other

    def resolve(self, value: Any = _UNSET) -> Any:
        """``value``, or the default, if it meets the rules. Raises
        :class:`ParamValidationError`."""
        return self.checked("", self.value if value is _UNSET else _plain(value, "the value"))

    def checked(self, name: str, value: Any, source: str = "") -> Any:
        """``value`` if it meets the rules; ``name`` and ``source`` are for the error's text."""
        if value is _UNSET:
            raise ParamValidationError(name, None, "it has no default and was given no value")
        try:
            check(value, self.schema)
        except Violation as violation:
            raise ParamValidationError(name, value, str(violation), source) from None
        return value

    def __repr__(self) -> str:
        shown = [repr(self.value)] if self.has_value else []
        shown += [f"{name}={value!r}" for name, value in self.schema.items()]
        return f"Param({', '.join(shown)})"


class ParamsDict(MutableMapping[str, Any]):
    """The params of a DAG or a task by name. Reading gives values; writing a plain value keeps the
    rules of the name, and writing a :class:`Param` replaces them."""

    def __init__(self, params: Mapping[str, Any] | None = None, owner: str = "") -> None:
        if params is not None and not isinstance(params, Mapping):
            raise TypeError(f"params of {owner} is {params!r}; it must be a dict")
        self._owner = owner
        self._params: dict[str, Param] = {}
        self.take(params or {})

    def take(self, params: Mapping[str, Any]) -> None:
        """Writes all of them, with their rules where they have some."""
        for name in params:
            if not isinstance(params, ParamsDict):
                self[name] = params[name]
                continue
            param = params.get_param(name)
            # One without rules was written as a plain value.
            self[name] = param if param.schema or not param.has_value else param.value

    def __getitem__(self, name: str) -> Any:
        param = self._params[name]
        if not param.has_value:
            raise ParamValidationError(name, None, "it has no default and was given no value")
        return param.value

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"params of {self._owner}: the name {name!r} must be a str")
        if isinstance(value, Param):
            self._params[name] = value
            return
        plain = _plain(value, f"param {name!r}", f"the params of {self._owner} are not JSON: ")
        known = self._params.get(name)
        self._params[name] = known.with_value(plain) if known else Param(plain)

    def __delitem__(self, name: str) -> None:
        del self._params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __contains__(self, name: object) -> bool:
        return name in self._params

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ParamsDict):
            return self.dump() == other.dump()
        return self.dump() == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ParamsDict({self._params!r})"

    @property
    def has_rules(self) -> bool:
        """Whether a value could be wrong: one has a schema, or no default."""
        return any(param.schema or not param.has_value for param in self._params.values())

    def get_param(self, name: str) -> Param:
        """The param itself, with its rules."""
        return self._params[name]

    def dump(self) -> dict[str, Any]:
        """The values of those that have one."""
        return {name: param.value for name, param in self._params.items() if param.has_value}

    def schemas(self) -> dict[str, Any]:
        """The rules of those that have some, as JSON Schema with their description."""
        schemas = {}
        for name, param in self._params.items():
            schema = dict(param.schema)
            if param.description:
                schema.setdefault("description", param.description)
            if schema or not param.has_value:
                schemas[name] = _plain(schema, f"the schema of param {name!r}")
        return schemas

    def validate(self) -> dict[str, Any]:
        """All values. Raises :class:`ParamValidationError` for the first that breaks its rules or
        is missing."""
        return {name: param.checked(name, param.value) for name, param in self._params.items()}


def check_schedulable(params: ParamsDict, dag_id: str, schedule: object) -> None:
    """Nobody gives values to a run that a schedule starts, so each param needs a default."""
    try:
        params.validate()
    except ParamValidationError as error:
        raise AirflowException(
            f"DAG {dag_id!r} is scheduled ({schedule!r}), so each of its params needs a valid "
            f"default, and one has none: {error}"
        ) from None


def resolve_params(
    dag_params: Mapping[str, Any], task_params: Mapping[str, Any], conf: Mapping[str, Any]
) -> dict[str, Any]:
    """What an attempt sees: the DAG's params, under the task's, under the run's conf. A plain value
    keeps the rules below it. Raises :class:`ParamValidationError`."""
    if not (dag_params or task_params or conf):
        return {}
    merged = ParamsDict(dag_params)
    merged.take(task_params)
    values = {}
    for name in merged:
        param = merged.get_param(name)
        given = name in conf
        value = conf[name] if given else param.value
        values[name] = param.checked(name, value, "given by the run's conf" if given else "")
    return copy.deepcopy({**values, **conf})


def _plain(value: Any, what: str, prefix: str = "") -> Any:
    """As it arrives where it is used: through JSON."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise AirflowException(
            f"{prefix}{what} is {value!r} ({error}); use str, number, list, dict"
        ) from None
