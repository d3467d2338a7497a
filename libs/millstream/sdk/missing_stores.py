"""``var`` and ``conn`` in contexts: what Airflow keeps in its database and Millstream does not, so
that a task which asks for it hears that instead of an undefined name."""

from __future__ import annotations

from typing import Any, NoReturn

from millstream.sdk.errors import NotSupportedYet


class MissingStore:
    """Whatever is asked of it, the answer is a :class:`NotSupportedYet` that says what to do."""

    def __init__(self, name: str, what: str) -> None:
        self._name = name
        self._what = what

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):  # asked by Python itself
            raise AttributeError(key)
        self._refuse(f".{key}")

    def __getitem__(self, key: object) -> Any:
        self._refuse(f"[{key!r}]")

    def _refuse(self, access: str) -> NoReturn:
        raise NotSupportedYet(
            f"{self._name}{access} is not supported yet: Millstream keeps no {self._what}; take "
            f"the value from params, from the run's conf or from the worker's environment"
        )

    def __repr__(self) -> str:
        return f"<{self._name}: not supported yet>"


var = MissingStore("var", "variables")
conn = MissingStore("conn", "connections")
