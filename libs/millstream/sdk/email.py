"""Mails about tasks: ``email``, ``email_on_failure``, ``email_on_retry``, :class:`SmtpNotifier`.

Where mails go is said by the connection ``smtp_default`` (``smtp://user:password@host:587``), as in
Airflow. Without it nothing is sent, and the log says so.
"""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterable, Sequence
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from millstream.sdk.connection import Connection
from millstream.sdk.errors import ConnectionNotFound
from millstream.sdk.notifier import BaseNotifier

if TYPE_CHECKING:
    from millstream.sdk.context import Context

DEFAULT_CONNECTION = "smtp_default"
_TIMEOUT_S = 30.0
_SUBJECT = "Millstream: {{ ti.dag_id }}.{{ ti.task_id }} {{ ti.state }} ({{ run_id }})"
_BODY = """\
Task {{ ti.task_id }} of DAG {{ ti.dag_id }}, run {{ run_id }}, is {{ ti.state }}.
Try {{ ti.try_number }} out of {{ ti.max_tries + 1 }} on {{ ti.hostname or "an unknown worker" }}.
{% if exception %}
{{ '%r' | format(exception) }}
{% endif %}"""


class SmtpNotifier(BaseNotifier):
    """Sends a mail. ``to``: an address, several separated by commas or semicolons, or a list."""

    template_fields: Sequence[str] = ("from_email", "to", "subject", "html_content", "text", "cc")

    def __init__(
        self,
        to: str | Iterable[str],
        from_email: str | None = None,
        subject: str | None = None,
        html_content: str | None = None,
        cc: str | Iterable[str] | None = None,
        smtp_conn_id: str = DEFAULT_CONNECTION,
        *,
        text: str = _BODY,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.to = addresses("to", to)
        self.cc = addresses("cc", cc or ())
        self.from_email = from_email
        self.subject = subject or _SUBJECT
        self.html_content = html_content
        self.text = text
        self.smtp_conn_id = smtp_conn_id

    def notify(self, context: Context) -> None:
        """Sends it."""
        try:
            connection = Connection.get(self.smtp_conn_id)
        except ConnectionNotFound:
            self.log.warning(
                "No mail to %s: there is no connection %r that says where the mail server is",
                ", ".join(self.to),
                self.smtp_conn_id,
            )
            return
        message = EmailMessage()
        extra = connection.extra_dejson
        message["From"] = self.from_email or extra.get("from_email") or connection.login or ""
        message["To"] = ", ".join(self.to)
        if self.cc:
            message["Cc"] = ", ".join(self.cc)
        message["Subject"] = " ".join(str(self.subject).split())
        message.set_content(str(self.text))
        if self.html_content:
            message.add_alternative(str(self.html_content), subtype="html")
        _send(connection, extra, message)
        self.log.info("Sent a mail to %s", ", ".join(self.to))


def _send(connection: Connection, extra: dict[str, Any], message: EmailMessage) -> None:
    """As Airflow reads the connection: TLS from the beginning unless ``disable_ssl``, else after
    it unless ``disable_tls``. The port decides where neither is said."""
    host, port = connection.host or "localhost", connection.port or 587
    timeout_s = float(extra.get("timeout", _TIMEOUT_S))
    starts_with_tls = port == 465 and not _is_true(extra.get("disable_ssl", False))
    kind = smtplib.SMTP_SSL if starts_with_tls else smtplib.SMTP
    with kind(host, port, timeout=timeout_s) as server:
        if not starts_with_tls and not _is_true(extra.get("disable_tls", port == 25)):
            server.starttls()
        if connection.login and connection.password:
            server.login(connection.login, connection.password)
        server.send_message(message)


def _is_true(value: Any) -> bool:
    return str(value).lower() in ("true", "1", "yes", "t")


def addresses(name: str, given: Any) -> list[str]:
    """The addresses of a mail. Raises ``TypeError`` naming the argument."""
    if isinstance(given, str):
        given = re.split(r"\s*[,;]\s*", given.strip())
    several = list(given) if isinstance(given, Iterable) else [given]
    if any(not isinstance(one, str) for one in several):
        raise TypeError(f"{name} is {given!r}; pass an address or a list of them")
    return [one for one in several if one]
