"""Contexts: servers by name, in a file of the person who uses them. It may hold tokens and is
written with mode 0600."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import msgspec

from millstream.client.target import Target
from millstream.core.errors import MillstreamError, NotFound

NAME = "contexts.json"
# No context: what runs on this machine.
LOCAL = "local"


class Context(Target, frozen=True, kw_only=True):
    """A server, and the namespace that is meant on it."""

    namespace: str = "default"


class Contexts(msgspec.Struct, kw_only=True):
    """What the file holds. ``current``: the one in use, "" for what runs on this machine."""

    current: str = ""
    contexts: dict[str, Context] = {}

    def find(self, name: str) -> Context:
        """Raises :class:`NotFound`."""
        found = self.contexts.get(name)
        if found is None:
            known = ", ".join([LOCAL, *sorted(self.contexts)])
            raise NotFound(f"There is no context {name!r}; there are: {known}.")
        return found


def contexts_file() -> Path:
    """In ``MILLSTREAM_CONFIG_DIR``, or where configuration belongs on this system."""
    named = os.environ.get("MILLSTREAM_CONFIG_DIR")
    if named:
        return Path(named) / NAME
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "millstream" / NAME


def read_contexts() -> Contexts:
    """Nothing, where there is no file. Raises :class:`MillstreamError` for one that is not ours."""
    file = contexts_file()
    try:
        return msgspec.json.decode(file.read_bytes(), type=Contexts)
    except FileNotFoundError:
        return Contexts()
    except (OSError, msgspec.MsgspecError) as error:
        raise MillstreamError(f"The contexts in {file} cannot be read: {error}") from None


def write_contexts(contexts: Contexts) -> None:
    """Replaces the file."""
    file = contexts_file()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{NAME}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(msgspec.json.format(msgspec.json.encode(contexts)) + b"\n")
            Path(draft).replace(file)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(draft).unlink()
            raise
    except OSError as error:
        raise MillstreamError(f"The contexts cannot be kept in {file}: {error}") from None


def find_context(name: str | None = None) -> Context | None:
    """The context of this name, or the one in use; None for what runs on this machine. Raises
    :class:`NotFound`."""
    contexts = read_contexts()
    wanted = contexts.current if name is None else name
    return None if wanted in ("", LOCAL) else contexts.find(wanted)
