"""Who the caller of this very call is. Each call runs in a context of its own, and so do those who
ask on its behalf; outside of a call there is nobody, which counts as ``local``."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime

import msgspec

from millstream.core.access import EVERYTHING, Principal
from millstream.core.errors import MillstreamError

LOCAL = "local"


class Unauthenticated(MillstreamError):
    """Nobody is known by what the caller sent, if it sent anything."""

    reason = "UNAUTHENTICATED"


class PermissionDenied(MillstreamError):
    """The caller is known, and may not do this."""

    reason = "PERMISSION_DENIED"


class Caller(msgspec.Struct, frozen=True):
    """Somebody who proved who they are, and how. ``scopes`` None: all that the user may;
    ``groups`` are the provider's; ``expires_at``: not longer than that."""

    name: str
    how: str
    token_id: str = ""
    groups: tuple[str, ...] = ()
    expires_at: datetime | None = None


NOBODY_LOGS_IN = Caller(LOCAL, "local")
LOCAL_PRINCIPAL = Principal(LOCAL, (EVERYTHING,))

_caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY_LOGS_IN)
_principal: ContextVar[Principal] = ContextVar("principal", default=LOCAL_PRINCIPAL)


def current_caller() -> Caller:
    """Who calls, and how they proved it."""
    return _caller.get()


def current_grants() -> Principal:
    """What the caller may."""
    return _principal.get()


def current_principal() -> str:
    """Who does what is done now; ``local`` where nobody logs in."""
    return _caller.get().name


def name_in_log() -> str:
    """The name under which it stands in the log. Where nobody logs in that is nobody's, and then no
    event pays for it."""
    caller = _caller.get()
    return "" if caller is NOBODY_LOGS_IN else caller.name


def speaks_for(user: str) -> str:
    """As whom something is said: where people log in as nobody but themselves, however they are
    called in a request. Raises :class:`PermissionDenied`."""
    caller = _caller.get()
    if caller is NOBODY_LOGS_IN:
        return user
    if user not in ("", caller.name):
        raise PermissionDenied(f"You are {caller.name!r}, and can answer as nobody else.")
    return caller.name


def enter(caller: Caller, principal: Principal) -> None:
    """For the rest of this call."""
    _caller.set(caller)
    _principal.set(principal)
