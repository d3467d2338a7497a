#!/usr/bin/env python3
"""Verify an export of Millstream's event log. Needs Python 3.8 or newer, and nothing else:

    python3 -I -S verify_export.py EXPORT [HEADS] [POSITION:DIGEST ...]

EXPORT holds one event a line (JSON; a name that ends in .gz is compressed): its canonical bytes,
with its digest as the last member. The digest is SHA-256 over the 32 bytes of the digest before it
and the event's canonical bytes: the line up to ',"digest":' and a closing brace. Of the few events
whose bytes have line breaks in them, a line has these bytes in "base64".

HEADS (EXPORT.heads.json unless given) says where the piece begins and ends, and with which digests.
Each POSITION:DIGEST is a head that was kept elsewhere (`millstream audit head`): whoever can write
to the log, to the export and to HEADS could make a new chain, but none that has those digests.

Exit codes: 0 all is well, 1 something was changed, left out, put in or moved, 2 wrong usage.
"""

import base64
import gzip
import hashlib
import json
import os
import re
import sys

LINE = re.compile(rb'(\{"position":([1-9][0-9]*),[^\r\n]*),"digest":"([0-9a-f]{64})"\}\n')
PACKED = re.compile(rb'\{"position":[0-9]+,"base64":"([A-Za-z0-9+/=]+)"')
ANCHOR = re.compile(r"([1-9][0-9]*):([0-9a-f]{64})")
FIELDS = {"format", "first_position", "last_position", "before", "digest"}


def fail(what):
    sys.exit(f"NOT AUTHENTIC: {what}")


def read_heads(path):
    with open(path, encoding="utf-8") as file:
        heads = json.load(file)
    if set(heads) != FIELDS or heads["format"] != "millstream-audit/1":
        fail(f"{path} is not what an export writes")
    if not 1 <= heads["first_position"] <= heads["last_position"]:
        fail(f"{path} names no range of positions")
    if heads["first_position"] == 1 and heads["before"] != "0" * 64:
        fail(f"{path}: nothing comes before position 1, so `before` must be zeros")
    return heads


def verify(export, heads, anchors):
    """Ends the program at the first line that is wrong."""
    position, digest = heads["first_position"] - 1, bytes.fromhex(heads["before"])
    with gzip.open(export, "rb") if export.endswith(".gz") else open(export, "rb") as file:
        for number, line in enumerate(file, 1):
            found = LINE.fullmatch(line)
            if found is None:
                fail(f"line {number} is no event of a log, or it is cut off")
            if int(found[2]) != position + 1:
                fail(f"line {number} is position {int(found[2])}, and {position + 1} is expected")
            position += 1
            packed = PACKED.fullmatch(found[1])
            canonical = base64.b64decode(packed[1]) if packed else found[1] + b"}"
            if not canonical.startswith(b'{"position":%d,' % position):
                fail(f"line {number} holds another event than position {position}")
            digest = hashlib.sha256(digest + canonical).digest()
            if digest.hex() != found[3].decode():
                fail(f"position {position} (line {number}) or the digest before it was changed")
            if anchors.pop(position, digest.hex()) != digest.hex():
                fail(f"position {position} has another digest than the one that was kept")
    if position != heads["last_position"]:
        fail(f"the export ends at position {position}, and not at {heads['last_position']}")
    if digest.hex() != heads["digest"]:
        fail("the last digest is not the one of the heads")
    if anchors:
        fail(f"position {min(anchors)} was kept and is not in the export")
    return digest.hex()


def main(words):
    anchors = {int(m[1]): m[2] for m in map(ANCHOR.fullmatch, words) if m}
    files = [word for word in words if not ANCHOR.fullmatch(word)]
    if not 1 <= len(files) <= 2 or not all(map(os.path.isfile, files)):
        print(__doc__, file=sys.stderr)
        return 2
    export, heads_path = [*files, files[0] + ".heads.json"][:2]
    try:
        heads = read_heads(heads_path)
        digest = verify(export, heads, anchors)
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        fail(f"the export or its heads cannot be read: {error!r}")
    first, last = heads["first_position"], heads["last_position"]
    print(f"Authentic: positions {first} to {last}, {last - first + 1} events.")
    print(f"The last one is {last}:{digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
