"""A task that does nothing: a joint in the graph, which costs no worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millstream.core.spec import Action, EmptyAction
from millstream.sdk.operator import BaseOperator

if TYPE_CHECKING:
    from millstream.sdk.context import Context


class EmptyOperator(BaseOperator):
    """Succeeds at once; the scheduler marks it without asking a worker."""

    def action(self) -> Action:
        """A subclass may do something after all, so only this very class is empty."""
        is_empty = type(self) is EmptyOperator and not self.has_hooks
        return EmptyAction() if is_empty else super().action()

    def execute(self, context: Context) -> None:
        """Nothing."""
