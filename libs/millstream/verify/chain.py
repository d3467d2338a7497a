"""The log as a chain: positions, epochs and digests."""

from __future__ import annotations

import hashlib

from millstream.verify.findings import Findings
from millstream.verify.rows import Row, canonical

GENESIS = bytes(32)


class Chain:
    """Goes along the rows. After each finding it goes on from what the row says, so that one fault
    is told once."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self.position = 0
        self.epoch = 0
        self.digest = GENESIS
        self._is_known = True

    def add(self, row: Row) -> None:
        findings = self._findings
        if row.position != self.position + 1:
            findings.add("gaps", row.position, self._gap(row))
            # The row before is not there, so nobody knows what its digest was.
            self._is_known = False
        if row.epoch != self.epoch:
            self._change_epoch(row)
        self.position = row.position
        self._check_digest(row)

    def _gap(self, row: Row) -> str:
        first, wanted = row.position, self.position + 1
        if first > wanted:
            lost = str(wanted) if first == wanted + 1 else f"{wanted} to {first - 1}"
            return f"Position {first} follows {self.position}: {lost} is missing."
        return f"Position {first} follows {self.position}: the order is broken."

    def _change_epoch(self, row: Row) -> None:
        self._findings.judged["epochs"] += 1
        if row.epoch < self.epoch:
            self._findings.add(
                "epochs",
                row.position,
                f"The epoch falls from {self.epoch} to {row.epoch}: a scheduler that was fenced "
                "wrote this.",
            )
        elif row.type != "EpochStarted":
            self._findings.add(
                "epochs",
                row.position,
                f"Epoch {row.epoch} begins with {row.type} and not with EpochStarted.",
            )
        self.epoch = row.epoch

    def _check_digest(self, row: Row) -> None:
        if not row.digest:
            self._findings.left_out.setdefault("digests", "the rows have no digests")
            self._is_known = False
            return
        try:
            stated = bytes.fromhex(row.digest)
        except ValueError:
            stated = b""
        if self._is_known:
            self._findings.judged["digests"] += 1
            expected = hashlib.sha256(self.digest + canonical(row)).digest()
            if expected != stated:
                self._findings.add(
                    "digests",
                    row.position,
                    f"The digest of {row.type} at position {row.position} does not follow from the "
                    "row and the digest before it: this row was changed after it was written.",
                )
        self.digest, self._is_known = stated, True
