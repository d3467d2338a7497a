"""Who a caller is, by what it sent: told apart without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from millstream.adapters.bus_client import Delivery
from millstream.adapters.event_log import Stored
from millstream.adapters.secret_table import Sealed
from millstream.core.access import Action, may
from millstream.core.errors import Unavailable
from millstream.core.event_parts import Where
from millstream.core.events import (
    AccessData,
    Event,
    RoleGranted,
    TokenCreated,
    TokenRevoked,
    UserCreated,
    UserDeleted,
)
from millstream.core.wire import to_record
from millstream_api import directory as directory_module
from millstream_api import identity, tokens
from millstream_api.admission import Overloaded
from millstream_api.authentication import ADMIN_NAME, Local, Required
from millstream_api.directory import Directory
from millstream_api.identity import NOBODY_LOGS_IN, Caller, PermissionDenied, Unauthenticated
from millstream_api.tokens import NewToken, TokenCheck

ADMIN = "an-admin-token-of-some-length"
NOTHING: dict[str, Sequence[bytes]] = {"transport_security_type": [b"insecure"]}


class Log:
    """The events about access, as Postgres has them."""

    def __init__(self) -> None:
        self.events: list[Stored] = []
        self.reads = 0
        self.is_away = False

    def add(self, *facts: AccessData) -> None:
        for data in facts:
            position = len(self.events) + 1
            event = Event(position, 1, Where("", ""), data, "api/a", "c", datetime.now(UTC))
            self.events.append(Stored(to_record(event), b""))

    async def read_types(self, first: int, types: Sequence[str]) -> list[Stored]:
        self.reads += 1
        if self.is_away:
            raise Unavailable("away")
        return self.events[first - 1 :]


class Hashes:
    """The table of secrets."""

    def __init__(self) -> None:
        self.sealed: dict[str, str] = {}
        self.asked = 0

    async def find(self, namespace: str, kind: str, name: str) -> Sealed | None:
        self.asked += 1
        return Sealed(1, self.sealed[name]) if name in self.sealed else None


class Place:
    """An api where ada has a token and is a viewer."""

    def __init__(self) -> None:
        self.log, self.hashes = Log(), Hashes()
        bus: Any = None
        log: Any = self.log
        hashes: Any = self.hashes
        self.directory = Directory(bus, log, 0)
        self.checked = TokenCheck(hashes)
        self.required = Required(self.directory, self.checked, ADMIN)
        self.token = asyncio.run(tokens.new_token())
        self.give(self.token)
        self.log.add(RoleGranted(subject="ada", role="viewer", namespace="default"))

    def give(self, token: NewToken, **fields: Any) -> None:
        if not self.log.events:
            self.log.add(UserCreated(name="ada"))
        self.log.add(TokenCreated(token_id=token.token_id, user="ada", **fields))
        self.hashes.sealed[token.token_id] = token.sealed

    async def caller(self, text: str | None, certificate: Any = NOTHING) -> Caller:
        metadata = [] if text is None else [("x", "y"), ("authorization", text)]
        return await self.required.identify(metadata, certificate)

    async def by_token(self, token: NewToken) -> Caller:
        return await self.caller(f"Bearer {token.text}")


def test_a_token_is_checked_once_and_costs_no_read_then() -> None:
    place = Place()

    async def run() -> None:
        await place.directory.refresh()
        for _ in range(5):
            caller = await place.by_token(place.token)
            principal = place.required.principal(caller)
        assert (caller.name, caller.token_id) == ("ada", place.token.token_id)
        assert may(principal, Action.VIEW, "default")
        assert (place.hashes.asked, place.log.reads) == (1, 1)

    asyncio.run(run())


def test_a_token_that_was_made_elsewhere_just_now_is_found() -> None:
    place = Place()
    place.directory._read_at = float("-inf")

    async def run() -> None:
        assert (await place.by_token(place.token)).name == "ada"

    asyncio.run(run())


@pytest.mark.parametrize(
    "text",
    [
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer x",
        "Bearer ms_",
        "Bearer ms_abc_def",
        "Bearer a.b.c",
        "Bearer ms_abcdefghijkl_" + "x" * 43,
        "Bearer " + "x" * 20_000,
        f"Bearer {ADMIN}x",
        f"Bearer {ADMIN[:-1]}",
    ],
)
def test_what_is_no_token_of_ours_is_refused(text: str) -> None:
    place = Place()

    async def run() -> None:
        await place.directory.refresh()
        with pytest.raises(Unauthenticated):
            await place.caller(text)

    asyncio.run(run())


def test_another_secret_or_two_tokens_at_once_are_refused() -> None:
    place = Place()

    async def run() -> None:
        await place.directory.refresh()
        guessed = f"Bearer {place.token.text[:-4]}AAAA"
        with pytest.raises(Unauthenticated):
            await place.caller(guessed)
        twice = [("authorization", f"Bearer {place.token.text}")] * 2
        with pytest.raises(Unauthenticated):
            await place.required.identify(twice, NOTHING)

    asyncio.run(run())


def test_the_admin_token_is_of_nobody_else() -> None:
    place = Place()

    async def run() -> None:
        caller = await place.caller(f"bearer {ADMIN}")
        assert caller.name == ADMIN_NAME
        assert may(place.required.principal(caller), Action.ADMINISTER, "*")
        # A user of that name is somebody else.
        assert not may(place.required.principal(Caller(ADMIN_NAME, "oidc")), Action.KNOW, "*")

    place.log.add(UserCreated(name=ADMIN_NAME))
    asyncio.run(_refreshed(place))
    asyncio.run(run())


async def _refreshed(place: Place) -> None:
    await place.directory.refresh()


def test_what_is_over_is_over_although_it_was_found_genuine() -> None:
    place = Place()
    other = asyncio.run(tokens.new_token())
    soon = datetime.now(UTC) + timedelta(seconds=60)
    place.give(other, expires_at=soon)

    async def run() -> None:
        await place.directory.refresh()
        caller, expiring = await place.by_token(place.token), await place.by_token(other)
        place.required.principal(expiring)
        past = Caller("ada", "token", other.token_id, expires_at=datetime.now(UTC))
        with pytest.raises(Unauthenticated):
            place.required.principal(past)
        place.log.add(TokenRevoked(token_id=place.token.token_id))
        await place.directory.refresh()
        with pytest.raises(Unauthenticated):
            place.required.principal(caller)
        with pytest.raises(Unauthenticated):
            await place.by_token(place.token)
        place.log.add(TokenRevoked(token_id=other.token_id), UserDeleted(name="ada"))
        await place.directory.refresh()
        with pytest.raises(Unauthenticated):
            await place.by_token(other)

    asyncio.run(run())


def test_nobody_is_let_in_while_a_change_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()

    async def run() -> None:
        await place.directory.refresh()
        caller = await place.by_token(place.token)
        place.log.is_away = True
        place.required.principal(caller)  # nothing is known to have changed
        place.directory._on_event(Delivery("ms.ev.0.TokenRevoked._", "", b"", b""))
        place.required.principal(caller)  # for a moment
        monkeypatch.setattr(directory_module, "LONGEST_BEHIND_S", -1.0)
        with pytest.raises(Unavailable):
            place.required.principal(caller)
        place.log.is_away = False
        await place.directory.refresh()
        place.required.principal(caller)
        monkeypatch.setattr(directory_module, "LONGEST_UNKNOWN_S", -1.0)
        with pytest.raises(Unavailable):
            place.required.principal(caller)

    asyncio.run(run())


def test_hashing_is_no_way_to_keep_an_api_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()
    monkeypatch.setattr(tokens, "MOST_WAITING", 1)

    async def run() -> None:
        await place.directory.refresh()
        guesses = [f"Bearer {place.token.text[:-2]}{n:02}" for n in range(3)]
        done = await asyncio.gather(*map(place.caller, guesses), return_exceptions=True)
        assert sorted(type(error).__name__ for error in done) == [
            "Overloaded",
            "Overloaded",
            "Unauthenticated",
        ]
        assert Overloaded.reason == "OVERLOADED"

    asyncio.run(run())


def test_a_certificate_names_its_holder() -> None:
    place = Place()

    def shown(name: bytes, kind: bytes = b"ssl") -> dict[str, Sequence[bytes]]:
        return {"transport_security_type": [kind], "x509_common_name": [name]}

    async def run() -> None:
        caller = await place.caller(None, shown(b"ada"))
        assert (caller.name, caller.how) == ("ada", "certificate")
        for certificate in (NOTHING, shown(b"ada", b"insecure"), shown(b"a b"), shown(b"")):
            with pytest.raises(Unauthenticated):
                await place.caller(None, certificate)
        # A token says more, and a wrong one is no reason to look at the certificate.
        assert (await place.caller(f"Bearer {ADMIN}", shown(b"ada"))).name == ADMIN_NAME
        with pytest.raises(Unauthenticated):
            await place.caller("Bearer x", shown(b"ada"))

    asyncio.run(run())


def test_where_nobody_logs_in_a_page_in_a_browser_gets_nowhere() -> None:
    async def run() -> None:
        assert await Local().identify([("user-agent", "grpc")], NOTHING) is NOBODY_LOGS_IN
        for name in ("origin", "referer", "sec-fetch-site"):
            with pytest.raises(PermissionDenied):
                await Local().identify([(name, "https://evil.example")], NOTHING)

    asyncio.run(run())


def test_people_answer_as_themselves() -> None:
    place = Place()

    async def run() -> None:
        assert identity.speaks_for("whoever") == "whoever"
        assert (identity.current_principal(), identity.name_in_log()) == ("local", "")
        await place.directory.refresh()
        caller = await place.by_token(place.token)
        identity.enter(caller, place.required.principal(caller))
        assert identity.speaks_for("") == identity.speaks_for("ada") == "ada"
        assert identity.name_in_log() == "ada"
        with pytest.raises(PermissionDenied):
            identity.speaks_for("bob")

    asyncio.run(run())
