"""Runs one program so that it cannot outlive its parent, and, for root, not as root.

A script of its own and not a ``preexec_fn``: Python code between fork and exec of a process with
threads may dead-lock. The pid stays the same, since the last act is an exec. Standard library only,
started with ``python -I -S``, which takes some 15 ms.

Postgres refuses to run as root. As ``nobody`` it could not even reach a data directory or a
virtualenv below ``/root`` (0700), and opening up people's directories is not ours to do. So one
capability, to search directories and read files, is kept across the change of user; and only where
the paths cannot be reached without it.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522


class _CapHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapData(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, *values: int) -> None:
    arguments = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    if _libc.prctl(option, *arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")


def _set_capabilities(mask: int) -> None:
    header = _CapHeader(CAPABILITY_VERSION_3, 0)
    data = (_CapData * 2)()
    data[0] = _CapData(mask, mask, mask)
    if _libc.capset(ctypes.byref(header), data) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"capset: {os.strerror(code)}")


def _permitted() -> int:
    header = _CapHeader(CAPABILITY_VERSION_3, 0)
    data = (_CapData * 2)()
    if _libc.capget(ctypes.byref(header), data) != 0:
        return 0
    return int(data[0].permitted)


def unprivileged_ids() -> tuple[int, int]:
    """The user and group that a server runs as when root starts it."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return entry.pw_uid, entry.pw_gid


def _give_up_root(paths: list[str]) -> None:
    """Becomes ``nobody``, with at most the one capability that reaching ``paths`` needs."""
    uid, gid = unprivileged_ids()
    _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    kept = 0
    if not all(os.access(path, os.X_OK | os.R_OK) for path in paths):
        # Docker grants root DAC_OVERRIDE by default, and not the narrower READ_SEARCH.
        for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
            if _permitted() & (1 << capability):
                kept = capability
                break
    _set_capabilities(1 << kept if kept else 0)
    if kept:
        _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="launch")
    parser.add_argument("--parent", type=int, required=True, help="pid that must be our parent")
    parser.add_argument("--death-signal", type=int, required=True, help="sent when it ends")
    parser.add_argument("--unprivileged", action="store_true", help="as root, become nobody")
    parser.add_argument("--reach", action="append", default=[], help="a path it must reach")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if options.unprivileged and os.geteuid() == 0:
        _give_up_root(options.reach)
    # After the change of user, which clears it.
    _prctl(PR_SET_PDEATHSIG, options.death_signal)
    if os.getppid() != options.parent:
        sys.exit("the parent has ended already")
    os.execv(options.command[0], options.command)  # noqa: S606 - what this script is for


if __name__ == "__main__":
    main()
