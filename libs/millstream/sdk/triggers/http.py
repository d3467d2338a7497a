"""A trigger that asks a web server until it gives the answer that is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from millstream.sdk.errors import AirflowException
from millstream.sdk.triggers.trigger import BaseTrigger, TriggerEvent


class HttpTrigger(BaseTrigger):
    """Fires when ``url`` answers with a status below 400 and, if ``response_contains`` is given,
    that text in its body. The payload: ``{"status": 200, "headers": {..}, "text": ".."}``.

    It asks every ``poke_interval`` seconds; a server that is away or answers otherwise is asked
    again. Needs httpx (``pip install 'millstream[http]'``).
    """

    MOST_TEXT = 32 * 1024

    def __init__(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        data: str | None = None,
        response_contains: str | None = None,
        poke_interval: float = 5.0,
        request_timeout: float = 10.0,
    ) -> None:
        if not str(url).startswith(("http://", "https://")):
            raise ValueError(f"url is {url!r}; it must begin with http:// or https://")
        self.url = url
        self.method = method
        self.headers = headers
        self.data = data
        self.response_contains = response_contains
        self.poke_interval = poke_interval
        self.request_timeout = request_timeout

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return ("millstream.sdk.triggers.http.HttpTrigger", dict(vars(self)))

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            import httpx
        except ImportError as error:
            raise AirflowException(
                "HttpTrigger needs httpx where the worker runs: pip install 'millstream[http]'"
            ) from error
        async with httpx.AsyncClient(timeout=self.request_timeout, follow_redirects=True) as client:
            while True:
                try:
                    response = await client.request(
                        self.method, self.url, headers=self.headers, content=self.data
                    )
                    found = response.status_code < 400 and (
                        self.response_contains is None or self.response_contains in response.text
                    )
                    self.log.info("%s answers %s", self.url, response.status_code)
                except httpx.TransportError as error:
                    found = False
                    self.log.info("%s does not answer: %r", self.url, error)
                if found:
                    break
                await asyncio.sleep(self.poke_interval)
        yield TriggerEvent(
            {
                "status": response.status_code,
                "headers": dict(response.headers),
                "text": response.text[: self.MOST_TEXT],
            }
        )
