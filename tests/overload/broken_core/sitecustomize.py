"""Python imports this when it starts; of a scheduler it breaks the core."""

import sys
from importlib import import_module

if "millstream_scheduler" in sys.orig_argv:
    import_module("broken")
