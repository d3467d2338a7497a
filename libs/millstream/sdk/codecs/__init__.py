"""Values of tasks as bytes and back: JSON where that is all they are, else JSON in which what is
more names its type, else a container of such JSON and binary parts.

* codec ``""``: JSON text, nothing else: the values that any program can read.
* ``typed:<type>``: JSON text; ``{"__type__": "datetime", ...}`` stands for a value that JSON has
  not, at any depth. A dict of the task's own with such a key is written as its items.
* ``packed:<type>``: the same with binary parts behind it, for arrays and frames.

A type has a name and a pair of functions in one of the modules here. Libraries are imported when a
value of theirs is met, classes of DAG authors only where :mod:`.classes` allows it, and pickles are
read and written only where the worker says so. No service does any of the three: what people look
at is made by :func:`readable`.
"""

from __future__ import annotations

from millstream.sdk.codecs.packed import Part, in_memory
from millstream.sdk.codecs.tree import Encoded, decode, encode, readable

__all__ = ["Encoded", "Part", "decode", "encode", "in_memory", "readable"]
