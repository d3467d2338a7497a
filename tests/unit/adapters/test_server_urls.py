"""Settings that name several servers."""

from __future__ import annotations

import pytest

from millstream.adapters.server_urls import (
    InvalidServers,
    NatsServers,
    NatsTls,
    nats_servers,
    postgres_urls,
)


class TestNats:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("nats://u:p@a:4222", NatsServers(["nats://a:4222"], "u", "p")),
            ("a:4222, b:4222", NatsServers(["nats://a:4222", "nats://b:4222"])),
            ("nats://u:p@a,tls://b:1", NatsServers(["nats://a", "tls://b:1"], "u", "p")),
            ("nats://u:p@a,nats://u:p@b,", NatsServers(["nats://a", "nats://b"], "u", "p")),
            ("nats://u:p%2C%40@a,b", NatsServers(["nats://a", "nats://b"], "u", "p,@")),
            ("nats://token@a,b", NatsServers(["nats://a", "nats://b"], None, None, "token")),
            ("nats://[::1]:4222", NatsServers(["nats://[::1]:4222"])),
            (
                "nats://u:p@a:1,b?tls_ca=/a%20b/ca.crt&tls_cert=c&tls_key=k",
                NatsServers(
                    ["tls://a:1", "tls://b"], "u", "p", tls=NatsTls("/a b/ca.crt", "c", "k")
                ),
            ),
        ],
    )
    def test_credentials_hold_for_all(self, text: str, expected: NatsServers) -> None:
        assert nats_servers(text) == expected

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            (",", "names no server"),
            ("nats://u:p@", "has no host"),
            ("nats://u:p@a,nats://v:q@b", "different credentials"),
            ("nats://u:q@a?tls_cert=c", "go together"),
            ("nats://u:q@a?verify=none", "option 'verify'"),
        ],
    )
    def test_what_cannot_be_is_said_without_the_password(self, text: str, why: str) -> None:
        with pytest.raises(InvalidServers, match=why) as error:
            nats_servers(text)
        assert ":q@" not in str(error.value)


class TestPostgres:
    def test_one_host_stays_as_it_is(self) -> None:
        url = "postgresql://u:p@h:1/db?target_session_attrs=primary"
        assert postgres_urls(url) == [url]

    def test_each_host_has_all_the_rest(self) -> None:
        url = "postgresql://u:p%2C@a:1, b/db?target_session_attrs=read-write&sslmode=require"
        assert postgres_urls(url) == [
            "postgresql://u:p%2C@a:1/db?sslmode=require",
            "postgresql://u:p%2C@b/db?sslmode=require",
        ]

    def test_certificates_are_handed_on(self) -> None:
        files = "sslmode=verify-full&sslrootcert=%2Fca.crt&sslcert=%2Fc.crt&sslkey=%2Fc.key"
        assert postgres_urls(f"postgresql://u@a,b/db?{files}") == [
            f"postgresql://u@a/db?{files}",
            f"postgresql://u@b/db?{files}",
        ]

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("postgresql://u:p@a,b/db?target_session_attrs=standby", "needs the primary"),
            ("postgresql:///db?host=a,b", "in front of the database"),
        ],
    )
    def test_what_cannot_be_is_said(self, url: str, why: str) -> None:
        with pytest.raises(InvalidServers, match=why):
            postgres_urls(url)
