"""Where the api is, if nobody says."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

DEFAULT_ADDRESS = "localhost:27800"
DEFAULT_DATA_DIR = ".millstream"
# What `millstream up` writes into its data directory; only the address matters here.
_STATE_FILE = "millstream.json"


class _State(msgspec.Struct):
    grpc_address: str = ""


def find_address(data_dir: str | Path | None = None) -> str:
    """MILLSTREAM_API_ADDRESS, or that of the `millstream up` of the data directory, or the default.

    A data directory that is named is asked first.
    """
    if data_dir is None:
        named = os.environ.get("MILLSTREAM_API_ADDRESS")
        if named:
            return named
    folder = Path(data_dir or os.environ.get("MILLSTREAM_DATA_DIR") or DEFAULT_DATA_DIR)
    try:
        state = msgspec.json.decode((folder / _STATE_FILE).read_bytes(), type=_State)
    except (OSError, msgspec.MsgspecError):
        return DEFAULT_ADDRESS
    return state.grpc_address or DEFAULT_ADDRESS
