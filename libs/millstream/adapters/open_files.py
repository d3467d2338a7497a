"""How many files a process may have open, and how many of them may be connections."""

from __future__ import annotations

import resource


def most_connections(wanted: int, own_files: int) -> int:
    """At most ``wanted``, so that the process keeps so many files for itself. The limit of open
    files is raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = wanted + own_files
    if soft != resource.RLIM_INFINITY and soft < files:
        soft = files if hard == resource.RLIM_INFINITY else min(files, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(soft - own_files, soft // 2))
