"""The checker of a log: whether what it says could have happened, judged row by row.

It is told rows and answers with findings; it reads nothing itself. All but ``fold`` is written
without the core, so that a fault of the core is not also a fault of its judge. What is remembered
is what is open, and a number for each run, callback and request that is over.
"""

from __future__ import annotations

from millstream.verify.findings import CHECKS, Check, Finding, Findings
from millstream.verify.rows import Row, canonical
from millstream.verify.verifier import Verifier, verify_rows

__all__ = (
    "CHECKS",
    "Check",
    "Finding",
    "Findings",
    "Row",
    "Verifier",
    "canonical",
    "verify_rows",
)
