"""A task that runs a bash command."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from millstream.core.spec import Action, BashAction, PythonAction
from millstream.sdk.errors import AirflowException
from millstream.sdk.operator import BaseOperator
from millstream.sdk.removed_keys import NEED_SCHEDULE
from millstream.sdk.shell import run_bash
from millstream.sdk.templates import names_in
from millstream.sdk.xcom import Reference

if TYPE_CHECKING:
    from millstream.sdk.context import Context

# What a template can only be given where the DAG file is loaded.
_NEEDS_DAG_FILE = frozenset({"dag", "task", "params", *NEED_SCHEDULE})


class BashOperator(BaseOperator):
    """Runs ``bash_command``; the last line of its standard output is the XCom.

    ``env`` replaces the environment unless ``append_env``. Exit code 99, or those in
    ``skip_on_exit_code``, skips the task; any other but 0 fails it. A command that ends in ``.sh``
    or ``.bash`` is a template file beside the DAG file.
    """

    template_fields: Sequence[str] = ("bash_command", "env", "cwd")
    template_ext: Sequence[str] = (".sh", ".bash")

    def __init__(
        self,
        *,
        bash_command: str | Reference,
        env: Mapping[str, Any] | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_on_exit_code: int | Container[int] | None = 99,
        cwd: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.bash_command = bash_command
        self.env = None if env is None else dict(env)
        self.append_env = append_env
        self.output_encoding = output_encoding
        self.skip_on_exit_code = _codes(skip_on_exit_code)
        self.cwd = cwd
        super().__init__(**kwargs)
        if not isinstance(bash_command, str | Reference):
            raise TypeError(f"bash_command is {bash_command!r}; it must be a str")

    @classmethod
    def from_action(cls, task_id: str, action: BashAction) -> BashOperator:
        """The operator that does what a submitted action says."""
        return cls(
            task_id=task_id,
            bash_command=action.command,
            env=action.env,
            append_env=action.append_env,
            cwd=action.cwd,
            skip_on_exit_code=action.skip_exit_codes,
        )

    def action(self) -> Action:
        """Plain data where that is all the command needs, so that no worker loads the DAG file."""
        if type(self) is not BashOperator or self.has_hooks:
            return PythonAction()
        if not isinstance(self.bash_command, str):
            return PythonAction()
        dag = self.dag
        if self.bash_command.endswith(tuple(self.template_ext)) or self.params:
            return PythonAction()
        if dag and dag.params.has_rules:  # they are checked where the DAG file is loaded
            return PythonAction()
        if dag and dag.has_own_templates:
            return PythonAction()
        if any(not isinstance(value, str) for value in (self.env or {}).values()):
            return PythonAction()
        for field in self.template_fields:
            value = getattr(self, field)
            for text in value.values() if isinstance(value, dict) else [value or ""]:
                if not isinstance(text, str) or names_in(text, field) & _NEEDS_DAG_FILE:
                    return PythonAction()
        return BashAction(
            command=self.bash_command,
            env=self.env,
            append_env=self.append_env,
            cwd=self.cwd,
            skip_exit_codes=self.skip_on_exit_code,
        )

    def execute(self, context: Context) -> str:
        """Runs the command."""
        if not isinstance(self.bash_command, str):
            raise AirflowException(f"bash_command came out as {self.bash_command!r}, not as a str")
        return run_bash(
            self.bash_command,
            env=None if self.env is None else {key: str(value) for key, value in self.env.items()},
            append_env=self.append_env,
            cwd=self.cwd,
            skip_exit_codes=self.skip_on_exit_code,
        )


def _codes(given: int | Container[int] | None) -> tuple[int, ...]:
    if given is None:
        return ()
    if isinstance(given, int):
        return (given,)
    return tuple(code for code in range(256) if code in given)
