"""The operators behind ``@task.bash`` and the ``@task`` forms that run in another Python."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from millstream.sdk.errors import AirflowException
from millstream.sdk.operators.bash import BashOperator
from millstream.sdk.operators.python import PythonOperator
from millstream.sdk.operators.virtualenv import ExternalPythonOperator, PythonVirtualenvOperator
from millstream.sdk.sensors.python import DecoratedSensor
from millstream.sdk.taskflow import DecoratedBranch, DecoratedOperator
from millstream.sdk.templates import render_fields

if TYPE_CHECKING:
    from millstream.sdk.context import Context

__all__ = [
    "DecoratedBash",
    "DecoratedBranchExternalPython",
    "DecoratedBranchVirtualenv",
    "DecoratedExternalPython",
    "DecoratedSensor",
    "DecoratedVirtualenv",
]


class _ReturnedCommand(BashOperator):
    """The command that a function returned; what else it is given is rendered already."""

    template_fields: Sequence[str] = ("bash_command",)


class DecoratedBash(DecoratedOperator):
    """The task of a ``@task.bash`` function: bash runs the command that it returns."""

    operator_name: ClassVar[str] = "@task.bash"
    template_fields: Sequence[str] = (*PythonOperator.template_fields, "env", "cwd")

    def __init__(
        self,
        *,
        env: Mapping[str, Any] | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_on_exit_code: int | Container[int] | None = 99,
        cwd: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.env = None if env is None else dict(env)
        self.append_env = append_env
        self.output_encoding = output_encoding
        self.skip_on_exit_code = skip_on_exit_code
        self.cwd = cwd
        super().__init__(**kwargs)
        if self.multiple_outputs:
            raise ValueError(f"@task.bash {self.task_id!r} has one output, the last line")

    def execute(self, context: Context) -> Any:
        """Calls the function, renders the command and runs it; its last line is the XCom."""
        command = super().execute(context)
        if not isinstance(command, str) or not command.strip():
            raise AirflowException(
                f"the function of @task.bash {self.task_id!r} must return a command, a str that is "
                f"not empty; it returned {command!r}"
            )
        shell = _ReturnedCommand(
            task_id=self.task_id,
            bash_command=command,
            env=self.env,
            append_env=self.append_env,
            skip_on_exit_code=self.skip_on_exit_code,
            cwd=self.cwd,
        )
        render_fields(shell, self.dag, context)
        return shell.execute(context)


class DecoratedVirtualenv(DecoratedOperator, PythonVirtualenvOperator):
    """The task of a ``@task.virtualenv`` function."""

    operator_name: ClassVar[str] = "@task.virtualenv"


class DecoratedExternalPython(DecoratedOperator, ExternalPythonOperator):
    """The task of a ``@task.external_python`` function."""

    operator_name: ClassVar[str] = "@task.external_python"


class DecoratedBranchVirtualenv(DecoratedBranch, PythonVirtualenvOperator):
    """The task of a ``@task.branch_virtualenv`` function: what it returns is followed."""

    operator_name: ClassVar[str] = "@task.branch_virtualenv"


class DecoratedBranchExternalPython(DecoratedBranch, ExternalPythonOperator):
    """The task of a ``@task.branch_external_python`` function: what it returns is followed."""

    operator_name: ClassVar[str] = "@task.branch_external_python"
