"""A sensor that asks a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from millstream.sdk.errors import AirflowFailException
from millstream.sdk.sensors.sensor import BaseSensorOperator
from millstream.sdk.shell import bash_result

if TYPE_CHECKING:
    from millstream.sdk.context import Context


class BashSensor(BaseSensorOperator):
    """Waits until ``bash_command`` ends with exit code 0. With ``retry_exit_code`` only that one
    means "not yet", and any other fails the task for good. ``env`` replaces the environment."""

    template_fields: Sequence[str] = ("bash_command", "env")

    def __init__(
        self,
        *,
        bash_command: str,
        env: Mapping[str, Any] | None = None,
        output_encoding: str = "utf-8",
        retry_exit_code: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.bash_command = bash_command
        self.env = None if env is None else dict(env)
        self.output_encoding = output_encoding
        self.retry_exit_code = retry_exit_code
        super().__init__(**kwargs)

    def poke(self, context: Context) -> bool:
        """Runs the command."""
        env = None if self.env is None else {key: str(value) for key, value in self.env.items()}
        code, _ = bash_result(self.bash_command, env=env)
        if code == 0:
            return True
        if self.retry_exit_code is not None and code != self.retry_exit_code:
            raise AirflowFailException(
                f"bash exited with code {code}; only 0 and {self.retry_exit_code} are expected"
            )
        self.log.info("bash exited with code %s: not yet", code)
        return False
