"""Which DAGs the call that is being answered may see. Connections that are taken from the pool for
it read through views that show no others, whatever the query says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

# Of the views: those of the read tables, and that of the log. A view shows the rows of one
# namespace and some DAGs, as the settings of the session say.
VISIBLE_SUFFIX = "_visible"
LOG_SCHEMA = "millstream_visible"
NAMESPACE_SETTING = "millstream.visible_namespace"
DAGS_SETTING = "millstream.visible_dags"
IS_VISIBLE = (
    f"namespace = current_setting('{NAMESPACE_SETTING}') "
    f"AND dag_id = ANY (string_to_array(current_setting('{DAGS_SETTING}'), ','))"
)


class Visibility(msgspec.Struct, frozen=True):
    """The DAGs ``dags`` of one namespace; None: everything."""

    namespace: str = ""
    dags: tuple[str, ...] | None = None

    def shows(self, namespace: str, dag_id: str) -> bool:
        """What belongs to no DAG is shown to those who see everything."""
        return self.dags is None or (namespace == self.namespace and dag_id in self.dags)


ALL_VISIBLE = Visibility()

_visibility: ContextVar[Visibility] = ContextVar("visibility", default=ALL_VISIBLE)


def show(visibility: Visibility) -> None:
    """For the rest of this call."""
    _visibility.set(visibility)


def current_visibility() -> Visibility:
    return _visibility.get()


@contextmanager
def everything_visible() -> Iterator[None]:
    """For what the process reads for itself."""
    token = _visibility.set(ALL_VISIBLE)
    try:
        yield
    finally:
        _visibility.reset(token)
