"""The life of a fork that runs a module as ``python -m`` does, and then ends."""

from __future__ import annotations

import atexit
import runpy
import sys
import threading
from collections.abc import Sequence
from os import _exit
from typing import NoReturn


def run_module(module: str, arguments: Sequence[str]) -> NoReturn:
    """Nothing of the code that forked is returned to, and what was imported is not taken apart."""
    code = 1
    try:
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        _exit(code)
