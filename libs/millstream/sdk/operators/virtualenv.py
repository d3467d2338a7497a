"""Tasks whose function runs in another Python: one made for it, or one that is there.

The function's source is run in a process of that Python, so it may use nothing from around itself;
arguments and result are pickled. Neither Airflow nor Millstream need be installed there.
"""

from __future__ import annotations

import ast
import datetime
import inspect
import os
import re
import shutil
import tempfile
import textwrap
import types
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millstream.sdk.context import CONTEXT_KEYS
from millstream.sdk.environments import Recipe, environment
from millstream.sdk.errors import AirflowException, AirflowSkipException
from millstream.sdk.operators.branch import follow
from millstream.sdk.operators.python import PythonOperator, call_arguments
from millstream.sdk.shell import run_command

if TYPE_CHECKING:
    from millstream.sdk.context import Context

SERIALIZERS = ("pickle", "cloudpickle", "dill")
# What an older Python can still read.
_PICKLE_PROTOCOL = 4
_OUR_DECORATOR = re.compile(r"@(\w+\.)*(task|setup|teardown)\b")
# The context keys that another Python can be given: texts and numbers, instants, and params.
_PLAIN_KEYS = frozenset(
    {
        "ds", "ds_nodash", "run_id", "task_instance_key_str", "test_mode", "try_number", "ts",
        "ts_nodash", "ts_nodash_with_tz", "expanded_ti_count", "task_reschedule_count",
        "next_ds", "next_ds_nodash", "prev_ds", "prev_ds_nodash", "tomorrow_ds",
        "tomorrow_ds_nodash", "yesterday_ds", "yesterday_ds_nodash", "map_index_template",
        "templates_dict",
    }
)  # fmt: skip
_INSTANT_KEYS = frozenset(
    {
        "data_interval_start", "data_interval_end", "logical_date", "execution_date",
        "next_execution_date", "prev_execution_date", "prev_data_interval_start_success",
        "prev_data_interval_end_success", "prev_start_date_success", "prev_end_date_success",
    }
)  # fmt: skip
_HANDED_ON = _PLAIN_KEYS | _INSTANT_KEYS | {"params"}

_SCRIPT = """\
import __future__, importlib, linecache, sys, traceback
_pickling = importlib.import_module(sys.argv[1])
_in, _out, _error = sys.argv[2:5]
sys.path[:0] = sys.argv[5:]
with open(_in, "rb") as _file:
    _given = _pickling.load(_file)
try:
    import pendulum as _pendulum
except ImportError:
    _pendulum = None
for _name, _value in _given["instants"].items():
    _given["kwargs"][_name] = _pendulum.instance(_value) if _pendulum else _value
virtualenv_string_args = _given["strings"]

_file_name, _source = "<" + _given["name"] + ">", _given["source"]
linecache.cache[_file_name] = (len(_source), None, _source.splitlines(True), _file_name)
# Annotations are not evaluated: they may name what only the DAG file imports.
_flags = __future__.annotations.compiler_flag
try:
    exec(compile(_source, _file_name, "exec", _flags, True), globals())
    _result = globals()[_given["name"]](*_given["args"], **_given["kwargs"])
except Exception as _caught:
    with open(_error, "w", encoding="utf-8", errors="replace") as _file:
        _file.write(type(_caught).__name__ + ": " + str(_caught))
    traceback.print_exc()
    sys.exit(1)
if _result is not None:
    with open(_out, "wb") as _file:
        _pickling.dump(_result, _file)
"""


class IsolatedPython(PythonOperator):
    """What the operators of this module share: the function, what it is given, and what it may
    return. ``skip_on_exit_code``: exit codes that skip the task, none by default."""

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        serializer: str | None = None,
        string_args: Iterable[str] | None = None,
        expect_airflow: bool = True,
        skip_on_exit_code: int | Container[int] | None = None,
        env_vars: Mapping[str, str] | None = None,
        inherit_env: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(python_callable=python_callable, **kwargs)
        self.source = _source(type(self).__name__, python_callable)
        self.serializer = serializer or "pickle"
        if self.serializer not in SERIALIZERS:
            raise AirflowException(
                f"serializer is {serializer!r}; use one of {', '.join(SERIALIZERS)}"
            )
        self.string_args = [str(text) for text in string_args or ()]
        self.expect_airflow = expect_airflow
        self.skip_on_exit_code: Container[int] = (
            (skip_on_exit_code,) if isinstance(skip_on_exit_code, int) else skip_on_exit_code or ()
        )
        self.env_vars = dict(env_vars or {})
        self.inherit_env = inherit_env
        _check_keys(self)

    def call_with(self, python: str, context: Context) -> Any:
        """Calls the function with the interpreter ``python``; returns what it returned."""
        pickling = self._pickling()
        if self.templates_dict is not None:
            context["templates_dict"] = self.templates_dict
        with tempfile.TemporaryDirectory(prefix="millstream-", ignore_cleanup_errors=True) as place:
            files = [str(Path(place, name)) for name in ("given", "result", "error")]
            Path(files[0]).write_bytes(self._given(pickling, context))
            script = Path(place, "call.py")
            script.write_text(_SCRIPT)
            folders = [self.dag.folder] if self.dag is not None else []
            code, _ = run_command(
                [python, "-u", str(script), self.serializer, *files, *folders],
                {**(os.environ if self.inherit_env else {}), **self.env_vars},
                os.getcwd(),
            )
            self._judge(code, Path(files[2]))
            return self.take_result(self._result(pickling, Path(files[1])), context)

    def _pickling(self) -> Any:
        try:
            return import_module(self.serializer)
        except ImportError:
            raise AirflowException(
                f"serializer {self.serializer!r} is not installed where this worker runs; install "
                f"it here and name it in the requirements"
            ) from None

    def _given(self, pickling: Any, context: Context) -> bytes:
        args = tuple(self.op_args)
        # Item by item from a plain copy: to read a removed key from the context warns.
        offered = {key: value for key, value in {**context}.items() if key in _HANDED_ON}
        offered.update(self.op_kwargs)
        kwargs = call_arguments(self.python_callable, args, offered)
        instants = {
            name: datetime.datetime.fromisoformat(kwargs.pop(name).isoformat())
            for name in sorted(_INSTANT_KEYS & set(kwargs) - set(self.op_kwargs))
            if kwargs[name] is not None
        }
        if "params" in kwargs and "params" not in self.op_kwargs:
            kwargs["params"] = dict(kwargs["params"])
        given = {
            "name": self.python_callable.__name__,
            "source": self.source,
            "args": args,
            "kwargs": kwargs,
            "instants": instants,
            "strings": self.string_args,
        }
        try:
            data: bytes = pickling.dumps(given, protocol=_PICKLE_PROTOCOL)
        except Exception as error:
            bad = [name for name, value in kwargs.items() if not _can(pickling, value)]
            bad += [f"op_args[{i}]" for i, value in enumerate(args) if not _can(pickling, value)]
            raise AirflowException(
                f"{self.serializer} cannot hand on {', '.join(map(repr, bad)) or 'the arguments'} "
                f"({error}); pass plain values, or use serializer='cloudpickle'"
            ) from None
        return data

    def _judge(self, code: int, error: Path) -> None:
        if code in self.skip_on_exit_code:
            raise AirflowSkipException(f"Process exited with code {code}. Skipping.")
        if code:
            said = error.read_text(errors="replace") if error.exists() else ""
            how = f"exit code {code}" if code > 0 else f"signal {-code}"
            raise AirflowException(
                f"the function failed: {said}" if said else f"the process ended with {how}"
            )

    def _result(self, pickling: Any, file: Path) -> Any:
        if not file.exists():
            return None
        try:
            return pickling.loads(file.read_bytes())
        except Exception as error:
            raise AirflowException(
                f"what the function returned cannot be read here ({type(error).__name__}: {error});"
                f" return plain values, or write them to a file and return its path"
            ) from None


class PythonVirtualenvOperator(IsolatedPython):
    """Calls the function in a virtual environment with ``requirements`` (a list, or the text or the
    ``.txt`` template file of one), made once for equal ones: in ``venv_cache_path``, or where the
    worker keeps its environments.

    ``python_version`` is such as "3.12", ``pip_install_options`` go to the installer, which looks
    at ``index_urls`` in place of its own.
    """

    template_fields: Sequence[str] = (
        "requirements",
        "index_urls",
        "venv_cache_path",
        *PythonOperator.template_fields,
    )
    template_ext: Sequence[str] = (".txt",)

    def __init__(
        self,
        *,
        requirements: Iterable[str] | str | None = None,
        python_version: str | None = None,
        system_site_packages: bool = True,
        pip_install_options: Sequence[str] | None = None,
        index_urls: Collection[str] | str | None = None,
        venv_cache_path: str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if python_version is not None and not isinstance(python_version, str):
            raise AirflowException(f"python_version is {python_version!r}; pass a str like '3.12'")
        self.requirements = _texts("requirements", requirements)
        self.python_version = python_version
        self.system_site_packages = system_site_packages
        self.pip_install_options = _texts("pip_install_options", pip_install_options)
        self.index_urls = _texts("index_urls", index_urls)
        self.venv_cache_path = None if venv_cache_path is None else os.fspath(venv_cache_path)
        super().__init__(**kwargs)

    def recipe(self) -> Recipe:
        """What the environment is made of."""
        lines = [line.strip() for text in self.requirements for line in str(text).splitlines()]
        wanted = {line for line in lines if line and not line.startswith("#")}
        names = {re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in wanted}
        if self.serializer != "pickle" and self.serializer not in names:
            wanted.add(self.serializer)
        return Recipe(
            requirements=tuple(sorted(wanted)),
            python_version=self.python_version,
            system_site_packages=self.system_site_packages,
            install_options=tuple(self.pip_install_options),
            index_urls=tuple(self.index_urls),
        )

    def execute(self, context: Context) -> Any:
        """Makes or finds the environment, and calls the function."""
        with environment(self.recipe(), self.venv_cache_path) as python:
            return self.call_with(str(python), context)


class ExternalPythonOperator(IsolatedPython):
    """Calls the function with the interpreter ``python``, a path on the worker."""

    template_fields: Sequence[str] = ("python", *PythonOperator.template_fields)

    def __init__(self, *, python: str, expect_pendulum: bool = False, **kwargs: Any) -> None:
        if not python or not isinstance(python, str | os.PathLike):
            raise ValueError(f"python is {python!r}; pass the path of an interpreter")
        self.python = os.fspath(python)
        self.expect_pendulum = expect_pendulum
        super().__init__(**kwargs)

    def execute(self, context: Context) -> Any:
        """Calls the function."""
        python = shutil.which(os.path.expanduser(self.python))
        if python is None:
            raise AirflowException(f"python {self.python!r} is no interpreter on this worker")
        return self.call_with(python, context)


class BranchPythonVirtualenvOperator(PythonVirtualenvOperator):
    """A branch whose choice a function returns from a virtual environment."""

    def execute(self, context: Context) -> Any:
        """Calls the function, and follows what it returns."""
        return follow_result(self, super().execute(context), context)


class BranchExternalPythonOperator(ExternalPythonOperator):
    """A branch whose choice a function returns from another interpreter."""

    def execute(self, context: Context) -> Any:
        """Calls the function, and follows what it returns."""
        return follow_result(self, super().execute(context), context)


def follow_result(task: PythonOperator, chosen: Any, context: Context) -> Any:
    """Follows what a branch's function returned; that is the XCom too."""
    follow(task, chosen, context)
    return chosen if chosen is None or isinstance(chosen, str) else list(chosen)


def _texts(name: str, given: Any) -> list[str]:
    if given is None:
        return []
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Iterable) or any(not isinstance(text, str) for text in given):
        raise TypeError(f"{name} is {given!r}; pass a str or a list of them")
    return list(given)


def _source(callee: str, function: Callable[..., Any]) -> str:
    """The text of the function without our decorators. Raises ``ValueError``."""
    if not isinstance(function, types.FunctionType) or function.__name__ == "<lambda>":
        raise ValueError(
            f"{callee}: python_callable is {function!r}; only a function made with def can be "
            f"carried to another Python"
        )
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise ValueError(
            f"{callee}: {function.__name__}() must return its result, without 'yield' or 'async'"
        )
    try:
        text = textwrap.dedent(inspect.getsource(function))
        found = ast.parse(text).body[0]
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{callee}: no source of {function.__name__}(): {error}") from None
    assert isinstance(found, ast.FunctionDef)
    lines = text.splitlines(keepends=True)
    for decorator in found.decorator_list:
        if _OUR_DECORATOR.match(lines[decorator.lineno - 1].strip()):
            last = decorator.end_lineno or decorator.lineno
            lines[decorator.lineno - 1 : last] = ["\n"] * (last - decorator.lineno + 1)
    return "".join(lines)


def _check_keys(task: IsolatedPython) -> None:
    """A context key that cannot be handed on is refused while the DAG file is read."""
    positional = len(tuple(task.op_args))
    for position, parameter in enumerate(
        inspect.signature(task.python_callable).parameters.values()
    ):
        if (
            parameter.name in CONTEXT_KEYS - _HANDED_ON
            and parameter.default is parameter.empty
            and parameter.name not in task.op_kwargs
            and position >= positional
        ):
            raise AirflowException(
                f"{task.python_callable.__name__}() takes {parameter.name!r}, which cannot be "
                f"handed on to another Python; it can get {', '.join(sorted(_HANDED_ON))}"
            )


def _can(pickling: Any, value: Any) -> bool:
    try:
        pickling.dumps(value)
    except Exception:
        return False
    return True
