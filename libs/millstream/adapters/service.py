"""The life of a service process, once for all five: settings, logging, signals, readiness, the end.

Crash-only: whatever a service cannot mend ends the process with 70, and its supervisor starts it
again.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TextIO, cast

import structlog
import uvloop

from millstream.adapters import failpoints, telemetry
from millstream.adapters.free_memory import FreeMemory
from millstream.adapters.loop import Loop
from millstream.adapters.settings import Settings, read_settings
from millstream.core.errors import MillstreamError

EXIT_FATAL = 70
EXIT_USAGE = 64
# Longer than an orderly end of a loop takes, such as a message that is answered.
CANCEL_AGAIN_S = 1.0
_PR_SET_PDEATHSIG = 1

log = structlog.get_logger(__name__)


class Service:
    """What a running service knows of its own life. ``stopping`` is set by SIGTERM and SIGINT,
    ``hurrying`` by a second one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = asyncio.Event()
        self.hurrying = asyncio.Event()

    def stop(self) -> None:
        """Somebody wants it to end; asked twice, at once."""
        if self.stopping.is_set():
            self.hurrying.set()
        self.stopping.set()

    def ready(self) -> None:
        """Say to whoever started the process that it serves now."""
        log.info("ready")
        if self.settings.ready_fd >= 0:
            try:
                os.write(self.settings.ready_fd, b"ready\n")
                os.close(self.settings.ready_fd)
            except OSError:
                pass  # nobody waits any more


Main = Callable[[Service], Awaitable[None]]


def run_service(
    name: str,
    main: Main,
    needs: tuple[str, ...],
    check: Callable[[Settings], None] = lambda settings: None,
) -> None:
    """Run ``main`` until it returns, and end the process: 0 after a stop, 70 after a failure, 64 if
    a setting is wrong. ``needs`` names the settings that have no default; ``check`` raises
    :class:`InvalidSettings` for those that do not go together."""
    follow_parent()
    try:
        settings = read_settings().require(*needs)
        check(settings)
        has_failpoints = failpoints.switch_on(settings.failpoints, settings.state_dir)
        telemetry.configure(name, settings.instance)
    except MillstreamError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(EXIT_USAGE) from None
    configure_logging(name, settings)
    if has_failpoints:
        log.warning("failpoints_are_on", setting=settings.failpoints, why="for tests only")
    code = uvloop.run(_live(name, main, settings), loop_factory=Loop)
    telemetry.shut_down()
    raise SystemExit(code)


async def _live(name: str, main: Main, settings: Settings) -> int:
    service = Service(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop)
    log.info("starting", pid=os.getpid())
    trimming = asyncio.create_task(FreeMemory().run())
    try:
        await main(service)
    except MillstreamError as error:
        log.error("fatal", reason=error.reason, error=str(error))
        return EXIT_FATAL
    except Exception:
        log.exception("fatal")
        return EXIT_FATAL
    finally:
        trimming.cancel()
    log.info("stopped")
    return 0


async def run_until_stopped(service: Service, *tasks: Awaitable[None]) -> None:
    """Run loops that never end by themselves. Returns when the service is stopped, raises what one
    of them raised; the others are cancelled either way."""
    running = [asyncio.ensure_future(task) for task in tasks]
    stopping = asyncio.ensure_future(service.stopping.wait())
    try:
        done, _ = await asyncio.wait([*running, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task is not stopping:
                task.result()
                raise MillstreamError("A loop of the service ended although it was not stopped.")
    finally:
        await _end([*running, stopping])


async def _end(tasks: list[asyncio.Future[Any]]) -> None:
    """Cancel until all have ended: what is under way may swallow a cancellation (before Python
    3.12 ``asyncio.wait_for`` does), and a process that never ends keeps what it holds."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


def follow_parent() -> None:
    """Get SIGTERM when the process that started this one dies, if that one asks for it."""
    parent = os.environ.get("MILLSTREAM_PARENT_PID")
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        raise SystemExit(0)  # it died before we could ask


def configure_logging(name: str, settings: Settings) -> None:
    """JSON lines on standard error, or readable ones on a terminal; the standard library's logging
    too."""
    is_pretty = settings.log_format == "console" or (
        not settings.log_format and sys.stderr.isatty()
    )
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    output = cast(TextIO, Unfailing(sys.stderr))
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer() if is_pretty else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)
        ),
        logger_factory=structlog.WriteLoggerFactory(output),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=name, instance=settings.instance)
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class Unfailing:
    """A stream that drops what cannot be written: on a full disk a service goes on without its log,
    and a callback that logs does not take the connection down with it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()
