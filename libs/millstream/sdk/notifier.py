"""``BaseNotifier``: a callback with arguments, which may be templates."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from millstream.sdk.context import Context


class BaseNotifier:
    """Subclass it, name the attributes that are templates in ``template_fields``, and override
    :meth:`notify` or :meth:`async_notify`. An instance is a callback for ``on_failure_callback``
    and the like; that it fails is logged and changes nothing else."""

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()

    def __init__(self, **kwargs: Any) -> None:
        self.context: Context = kwargs.pop("context", None) or {}
        if kwargs:
            raise TypeError(
                f"{type(self).__name__}() got an unknown argument {next(iter(kwargs))!r}"
            )

    @property
    def log(self) -> logging.Logger:
        """The notifier's logger."""
        return logging.getLogger(f"millstream.task.notifiers.{type(self).__qualname__}")

    def notify(self, context: Context) -> None:
        """Sends the notification."""
        with asyncio.Runner() as runner:
            runner.run(self.async_notify(context))

    async def async_notify(self, context: Context) -> None:
        """Sends the notification, in an event loop."""
        raise NotImplementedError(f"{type(self).__name__} has neither notify nor async_notify")

    def rendered(self, context: Context) -> BaseNotifier:
        """A copy with its template fields rendered: one notifier serves many tasks."""
        from millstream.sdk.templates import Renderer

        made = copy.copy(self)
        made.context = context
        renderer = Renderer(context.get("dag"), self.template_ext, context)
        for field in self.template_fields:
            setattr(made, field, renderer.render(getattr(self, field), field))
        return made

    def __call__(self, *args: Any, context: Context | None = None) -> None:
        """Renders and notifies."""
        given = context if context is not None else (args[0] if args else self.context)
        try:
            self.rendered(given).notify(given)
        except Exception:
            self.log.exception("Failed to send notification")

    def __await__(self) -> Generator[Any, None, None]:
        return self.rendered(self.context).async_notify(self.context).__await__()
