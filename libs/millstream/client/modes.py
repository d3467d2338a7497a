"""One body for two clients: calls are written once, with ``async def``. :class:`AsyncClient` hands
them out to be awaited; :class:`Client` runs them on the spot, over a channel that blocks and so
never suspends them (docs/adr/0037).

A new call is an ``async def`` under :class:`call`, a new list or stream an async generator under
:class:`listing`; both clients have it then, with the same arguments and the right types.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from google.protobuf.message import Message

from millstream.client.models import RunRef

if TYPE_CHECKING:
    from typing import Self

    from millstream.client.channel import Channel

P = ParamSpec("P")
T = TypeVar("T")


class Sync:
    """The mode of :class:`Client`: a call returns its answer."""


class Async:
    """The mode of :class:`AsyncClient`: a call returns what gives the answer when awaited."""


if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    # Where nothing is said, the client that blocks.
    M = TypeVarWithDefault("M", default=Sync)
else:
    M = TypeVar("M")


class Speaks(Generic[M]):
    """Whatever has calls: it holds the channel that carries them out, in mode ``M``."""

    _channel: Channel


class Calls(Speaks[M]):
    """Calls in one namespace."""

    def __init__(self, channel: Channel, namespace: str) -> None:
        self._channel = channel
        self._namespace = namespace

    async def _ask(self, request: Message, method: str = "") -> Any:
        """The answer to a request, which names its method: ``GetPoolRequest`` is for ``GetPool``
        unless ``method`` is given."""
        return await self._channel.ask(request, method)

    def _ref(self, run: RunRef | str, dag_id: str) -> RunRef:
        if isinstance(run, RunRef):
            return run
        return RunRef(namespace=self._namespace, dag_id=dag_id, run_id=run)

    async def _items(
        self, request: Any, field: str, limit: int | None = None
    ) -> AsyncIterator[Any]:
        """What is in ``field`` of the answers, page by page: all of it, or the first ``limit``."""
        left = limit
        while left is None or left > 0:
            request.page_size = PAGE_SIZE if left is None else min(left, PAGE_SIZE)
            answer = await self._channel.ask(request)
            items = getattr(answer, field)
            for item in items:
                yield item
            if left is not None:
                left -= len(items)
            request.page_token = answer.next_page_token
            if not request.page_token:
                return


PAGE_SIZE = 1000


class call(Generic[P, T]):  # noqa: N801 - a decorator
    """A method of :class:`Speaks` that is one call, or several: an ``async def``."""

    def __init__(self, body: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> None:
        functools.update_wrapper(cast("Any", self), body)

        @functools.wraps(body)
        def bound(owner: Speaks[Any], *args: Any, **kwargs: Any) -> Any:
            return owner._channel.run(body(owner, *args, **kwargs))

        self._bound = bound

    @overload
    def __get__(self, instance: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, instance: Speaks[Sync], owner: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, instance: Speaks[Async], owner: Any = None
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self._bound, instance)


class listing(Generic[P, T]):  # noqa: N801 - a decorator
    """A method of :class:`Speaks` that gives one thing after the other: an async generator."""

    def __init__(self, body: Callable[Concatenate[Any, P], AsyncIterator[T]]) -> None:
        functools.update_wrapper(cast("Any", self), body)

        @functools.wraps(body)
        def bound(owner: Speaks[Any], *args: Any, **kwargs: Any) -> Any:
            return owner._channel.iterate(body(owner, *args, **kwargs))

        self._bound = bound

    @overload
    def __get__(self, instance: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, instance: Speaks[Sync], owner: Any = None) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(
        self, instance: Speaks[Async], owner: Any = None
    ) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self._bound, instance)


def run_now(waiting: Awaitable[T]) -> T:
    """The result of a coroutine that waits for nothing but blocking calls."""
    coroutine = cast("Coroutine[Any, Any, T]", waiting)
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    raise AssertionError("a call of the blocking client waited for an event loop")


def iterate_now(items: AsyncIterator[T]) -> Iterator[T]:
    """The items of an async generator that waits for nothing but blocking calls."""
    generator = cast("AsyncGenerator[T, None]", items)
    try:
        while True:
            try:
                item = run_now(anext(generator))
            except StopAsyncIteration:
                return
            yield item
    finally:
        run_now(generator.aclose())
