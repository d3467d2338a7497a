"""Reading a DAG file: import it, find its DAGs, check them, and say in which line anything is
wrong.

``python -m millstream.sdk.load FILE [--root DIR] [--ask]`` prints ``{"specs": [...]}`` or
``{"error": {"file", "line", "message"}}``, and in both ``"imported"``, the files under its root
that it imported; it is a process of its own because a DAG file may do anything.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import re
import resource
import signal
import sys
import traceback
import types
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import msgspec

from millstream.core.errors import InvalidDag, MillstreamError
from millstream.core.spec import DagSpec, encode_spec
from millstream.core.validate import MAX_SPEC_BYTES, check_dag
from millstream.sdk.asker import Asker
from millstream.sdk.authoring import reading
from millstream.sdk.dag import DAG
from millstream.sdk.errors import DagFileError
from millstream.sdk.stores import asking

PR_SET_PDEATHSIG = 1
# Of a module that only names DAGs.
NO_DAG = "no DAG found in file"
_LINE = re.compile(r"line (\d+): (.*)", re.DOTALL)


def load_dags(path: str | Path, root: str | Path | None = None) -> list[DAG]:
    """The DAGs that a DAG file makes, checked, in the order in which it makes them.

    The file's directory, and ``root`` if given, go to the front of ``sys.path`` and stay there,
    since tasks may import when they run. Raises :class:`DagFileError`.
    """
    file = Path(path).resolve()
    base = file.parent if root is None else Path(root).resolve()
    made = _import(file, base)
    if not made:
        raise DagFileError(
            str(file),
            0,
            f"{NO_DAG}; create one with DAG(...), or call your @dag function",
        )
    seen: dict[str, DAG] = {}
    for dag in made:
        if dag.dag_id in seen:
            raise DagFileError(
                str(file),
                dag.line,
                f"dag_id {dag.dag_id!r} is used twice, on lines {seen[dag.dag_id].line} and "
                f"{dag.line}; "
                f"give each DAG an id of its own",
            )
        seen[dag.dag_id] = dag
        dag.folder, dag.bundle_dir = str(file.parent), str(base)
        checked_spec(dag, file, base)
    return made


def checked_spec(dag: DAG, file: Path, base: Path) -> DagSpec:
    """The DAG's spec, its file relative to ``base``. Raises :class:`DagFileError`."""
    try:
        spec = dag.to_spec(file.relative_to(base).as_posix())
        check_dag(spec)
        size = len(encode_spec(spec))
    except InvalidDag as error:
        raise _of_problems(str(file), dag, error.problems) from None
    except Exception as error:
        raise DagFileError(str(file), dag.line, _sentence(error)) from error
    if size > MAX_SPEC_BYTES:
        raise DagFileError(
            str(file),
            dag.line,
            f"DAG {dag.dag_id!r} has {size} bytes as JSON; {MAX_SPEC_BYTES} is the most",
        )
    return spec


def _of_problems(file: str, dag: DAG, problems: list[str]) -> DagFileError:
    """The first problem with its line; the others keep theirs in the text."""
    found = _LINE.fullmatch(problems[0])
    line, first = (int(found[1]), found[2]) if found else (dag.line, problems[0])
    return DagFileError(file, line, "; ".join([f"DAG {dag.dag_id!r}: {first}", *problems[1:]]))


def _import(file: Path, base: Path) -> list[DAG]:
    name = f"millstream_dag_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}_{file.stem}"
    if not file.is_relative_to(base):
        raise DagFileError(
            str(file), 0, f"the file is not inside of {base}; pass a root that holds it"
        )
    try:
        source = file.read_bytes()
    except OSError as error:
        raise DagFileError(str(file), 0, f"the file cannot be read: {error.strerror}") from None
    for directory in (str(base), str(file.parent)):
        if directory not in sys.path:
            sys.path.insert(0, directory)
    module = types.ModuleType(name)
    module.__file__ = str(file)
    with reading(str(file)) as made:
        try:
            code = compile(source, str(file), "exec", dont_inherit=True)
            sys.modules[name] = module
            exec(code, module.__dict__)  # noqa: S102 - this is what reading a DAG file means
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            sys.modules.pop(name, None)
            raise _of_error(file, error) from error
    return made


def _of_error(file: Path, error: BaseException) -> DagFileError:
    """Where in the DAG file it happened: the deepest of its frames, or the line of a syntax
    error."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno or 0 for frame in frames if frame.filename == str(file)]
    line = lines[-1] if lines else 0
    if isinstance(error, SyntaxError):
        if error.filename == str(file):
            return DagFileError(str(file), error.lineno or 0, f"{_syntax(error)}; correct it")
        where = f" in {error.filename}:{error.lineno}" if error.filename else ""
        return DagFileError(str(file), line, f"{_syntax(error)}{where}; correct it")
    message = _sentence(error)
    inner = [frame for frame in frames if frame.filename != str(file)]
    base = str(Path(__file__).parent.parent)
    own = [frame for frame in inner if not frame.filename.startswith((base, "<frozen"))]
    if own and frames[-1].filename != str(file) and not isinstance(error, ImportError):
        message += f" (raised at {own[-1].filename}:{own[-1].lineno})"
    return DagFileError(str(file), line, message)


def _syntax(error: SyntaxError) -> str:
    return f"{type(error).__name__}: {error.msg}"


def _sentence(error: BaseException) -> str:
    name, text = type(error).__name__, str(error)
    if isinstance(error, ModuleNotFoundError):
        return (
            f"{text}; install it here, and name it for the workers in requirements.txt or the "
            f"file's header; or import it inside of the task's function; or put it beside the DAG "
            f"file"
        )
    if isinstance(error, ImportError):
        return f"{text}; correct the import or install a version that has it"
    if isinstance(error, SystemExit):
        return (
            f"the file ends the process (exit code {error.code!r}) when it is imported; remove that"
        )
    if isinstance(error, MillstreamError):
        return text
    return f"{name}: {text}" if text else name


def main(arguments: list[str] | None = None) -> int:
    """Prints the result as one JSON object on the standard output of the process, where nothing
    that the DAG file prints can get between: that goes to standard error."""
    parser = argparse.ArgumentParser(prog="python -m millstream.sdk.load")
    parser.add_argument("file", type=Path)
    parser.add_argument("--root", type=Path, default=None)
    parser.add_argument("--ask", action="store_true", help="answers come on standard input")
    parser.add_argument("--parent", type=int, default=0, help="end when this process does")
    parser.add_argument("--memory-mb", type=int, default=0, help="for data, at most")
    parsed = parser.parse_args(arguments)
    if parsed.parent:
        _end_with(parsed.parent)
    if parsed.memory_mb:
        _limit_memory(parsed.memory_mb * 1024 * 1024)
    sys.stdout.flush()
    result = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    with os.fdopen(result, "wb") as out:
        with asking(Asker(_answers(), out)) if parsed.ask else nullcontext():
            code, answer = _answer(parsed.file, parsed.root)
        out.write(answer + b"\n")
    return code


def _end_with(parent: int) -> None:
    """A file that hangs must not outlive whoever reads it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _limit_memory(size: int) -> None:
    """More is a ``MemoryError`` where it is asked for. What is counted are writable private pages
    alone: libraries reserve far more of the address space than they use."""
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    size = size if most == resource.RLIM_INFINITY else min(size, most)
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def _answers() -> BinaryIO:
    """Standard input, out of reach of the DAG file."""
    answers = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return answers


def _answer(path: Path, root: Path | None) -> tuple[int, bytes]:
    file = path.resolve()
    base = file.parent if root is None else root.resolve()
    try:
        specs = [checked_spec(dag, file, base) for dag in load_dags(file, root)]
    except DagFileError as error:
        fault = {"file": error.file, "line": error.line, "message": error.message}
        return 1, msgspec.json.encode({"error": fault, "imported": _imported(base)})
    made = [msgspec.Raw(encode_spec(spec)) for spec in specs]
    return 0, msgspec.json.encode({"specs": made, "imported": _imported(base)})


def _imported(base: Path) -> list[str]:
    """The files of the project that were imported, relative to ``base``."""
    found = set()
    for module in list(sys.modules.values()):
        name = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(name, str) and Path(name).is_relative_to(base):
            found.add(Path(name).relative_to(base).as_posix())
    return sorted(found)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # threads that the DAG file started would keep the process alive
