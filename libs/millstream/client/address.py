"""Where the api is, if nobody says."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import msgspec

from millstream.core.errors import Unavailable

DEFAULT_ADDRESS = "localhost:27800"
DEFAULT_DATA_DIR = ".millstream"
# What `millstream up` writes into its data directory; only the address matters here.
_STATE_FILE = "millstream.json"


class _State(msgspec.Struct):
    grpc_address: str = ""


def find_address(data_dir: str | Path | None = None) -> str:
    """MILLSTREAM_API_ADDRESS, or that of the `millstream up` of the data directory, or the default.

    A data directory that is named is asked first, and only that: another installation must not get
    what was meant for it. Raises :class:`Unavailable`.
    """
    if data_dir is None:
        named = os.environ.get("MILLSTREAM_API_ADDRESS")
        if named:
            return named
    wanted = data_dir or os.environ.get("MILLSTREAM_DATA_DIR")
    folder = Path(wanted or DEFAULT_DATA_DIR)
    try:
        state = msgspec.json.decode((folder / _STATE_FILE).read_bytes(), type=_State)
    except (OSError, msgspec.MsgspecError) as error:
        if wanted:
            raise Unavailable(
                f"Nothing runs on {folder}. "
                f"Start it with: millstream up --detach --data-dir {shlex.quote(str(folder))}"
            ) from error
        return DEFAULT_ADDRESS
    return state.grpc_address or DEFAULT_ADDRESS
