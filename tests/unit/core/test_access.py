"""Who may what: the rules, and the users, roles and tokens that the log tells of."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.core.access import (
    ALL,
    EVERYTHING,
    ROLE_ACTIONS,
    Action,
    Binding,
    Principal,
    Role,
    dags_for,
    may,
    may_somewhere,
    parse_binding,
)
from millstream.core.commands import (
    CreateToken,
    CreateUser,
    DeleteUser,
    GrantRole,
    RevokeRole,
    RevokeToken,
)
from millstream.core.errors import InvalidArgument, Refused
from millstream.core.events import RoleGranted, TokenCreated, UserCreated, UserDeleted
from millstream.core.handle import receipt, repeated_receipt
from millstream.core.wire import canonical_bytes, to_record
from shard import T0, Shard, fold, kinds

HASH = "$argon2id$the-hash"
NAMESPACES = ("a", "b")
DAGS = ("x", "y")
BINDINGS = st.builds(
    Binding,
    st.sampled_from(Role),
    st.sampled_from((ALL, *NAMESPACES)),
    st.just(""),
) | st.builds(Binding, st.sampled_from(Role), st.sampled_from(NAMESPACES), st.sampled_from(DAGS))
GRANTS = st.lists(st.lists(BINDINGS, max_size=3).map(tuple), min_size=1, max_size=2).map(tuple)


def create_user(shard: Shard, name: str = "ada") -> list[str]:
    return kinds(shard.handle(CreateUser(id=shard.id(), name=name)))


def grant(shard: Shard, subject: str = "ada", role: str = "viewer", **place: str) -> list[str]:
    place.setdefault("namespace", "default")
    return kinds(shard.handle(GrantRole(id=shard.id(), subject=subject, role=role, **place)))


def create_token(shard: Shard, token_id: str = "a1b2c3d4", **fields: Any) -> list[str]:
    fields.setdefault("user", "ada")
    command = CreateToken(id=shard.id(), token_id=token_id, sealed=HASH, **fields)
    return kinds(shard.handle(command))


def refusal(shard: Shard, command: Any) -> str:
    with pytest.raises(Refused) as caught:
        shard.handle(command)
    return caught.value.reason


class TestTheRules:
    def test_nothing_is_allowed_that_no_binding_allows(self) -> None:
        for grants in ((), ((),), ((), EVERYTHING)):
            nobody = Principal("nobody", grants)
            assert not any(may(nobody, action, "a") for action in Action)
            assert not any(may_somewhere(nobody, action) for action in Action)
            assert all(dags_for(nobody, action, "a") == () for action in Action)

    def test_each_role_may_all_that_the_one_before_it_may(self) -> None:
        sets = [set(ROLE_ACTIONS[role]) for role in Role]
        assert all(less < more for less, more in pairwise(sets))
        assert set(ROLE_ACTIONS[Role.ADMIN]) == set(Action)

    def test_a_role_on_a_dag_is_none_on_its_namespace(self) -> None:
        one = Principal("ada", ((Binding(Role.OPERATOR, "a", "x"),),))
        assert may(one, Action.OPERATE, "a", "x")
        assert not may(one, Action.OPERATE, "a", "y")
        assert not may(one, Action.VIEW, "a")
        assert not may(one, Action.VIEW, ALL)
        assert not may(one, Action.OPERATE, "b", "x")
        assert dags_for(one, Action.OPERATE, "a") == ("x",)
        assert dags_for(one, Action.AUTHOR, "a") == ()

    def test_a_role_on_a_namespace_is_none_on_all_of_them(self) -> None:
        admin = Principal("ada", ((Binding(Role.ADMIN, "a"),),))
        assert may(admin, Action.ADMINISTER, "a")
        assert not may(admin, Action.ADMINISTER, ALL)
        assert dags_for(admin, Action.VIEW, "a") is None
        assert dags_for(admin, Action.VIEW, "b") == ()

    def test_a_token_may_less_than_its_user_and_never_more(self) -> None:
        user = (Binding(Role.OPERATOR, "a"),)
        less = Principal("ada", (user, (Binding(Role.VIEWER),)))
        assert may(less, Action.VIEW, "a")
        assert not may(less, Action.OPERATE, "a")
        assert not may(less, Action.VIEW, "b")
        more = Principal("ada", (user, EVERYTHING))
        assert may(more, Action.OPERATE, "a")
        assert not may(more, Action.AUTHOR, "a")

    @given(GRANTS, st.sampled_from(Action))
    def test_the_list_of_dags_says_what_may_says(
        self, grants: tuple[tuple[Binding, ...], ...], action: Action
    ) -> None:
        somebody = Principal("ada", grants)
        for namespace in NAMESPACES:
            dags = dags_for(somebody, action, namespace)
            for dag_id in DAGS:
                expected = dags is None or dag_id in dags
                assert may(somebody, action, namespace, dag_id) == expected
            if dags is None:
                assert may(somebody, action, namespace)

    @given(BINDINGS)
    def test_a_binding_is_read_as_it_is_written(self, binding: Binding) -> None:
        assert parse_binding(str(binding)) == binding

    @pytest.mark.parametrize(
        "text",
        ["", "root", "viewer:", "viewer:a/", "viewer:a/b/c", "viewer:*/x", "viewer:a b", "viewer,"],
    )
    def test_what_is_no_scope_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidArgument, match="is no scope"):
            parse_binding(text)


class TestUsersRolesAndTokens:
    def test_users_are_made_once(self) -> None:
        shard = Shard()
        assert create_user(shard) == ["UserCreated"]
        assert refusal(shard, CreateUser(id="x", name="ada")) == "USER_EXISTS"
        for name in ("", "a b", "a/b", "group:x y", "-a", "é", "a" * 129):
            assert refusal(shard, CreateUser(id="x", name=name)) == "INVALID_ARGUMENT"
        assert refusal(shard, DeleteUser(id="x", name="bob")) == "USER_NOT_FOUND"

    def test_a_role_is_granted_and_revoked(self) -> None:
        shard = Shard()
        assert grant(shard, "group:data", dag_id="etl") == ["RoleGranted"]
        assert grant(shard, "group:data", dag_id="etl") == []
        assert grant(shard, "group:data", "operator") == ["RoleGranted"]
        held = shard.state.access.bindings_of("ada", ["data"])
        assert held == (Binding(Role.VIEWER, "default", "etl"), Binding(Role.OPERATOR, "default"))
        names = {"subject": "group:data", "role": "operator", "namespace": "default"}
        assert kinds(shard.handle(RevokeRole(id="r", **names))) == ["RoleRevoked"]
        assert refusal(shard, RevokeRole(id="x", **names)) == "ROLE_NOT_FOUND"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"role": "root"},
            {"subject": "group:"},
            {"namespace": "a/b"},
            {"namespace": ""},
            {"namespace": "*", "dag_id": "x"},
            {"dag_id": "a b"},
        ],
    )
    def test_a_role_that_cannot_be_is_refused(self, wrong: dict[str, str]) -> None:
        fields = {"subject": "ada", "role": "viewer", "namespace": "default"} | wrong
        assert refusal(Shard(), GrantRole(id="x", **fields)) == "INVALID_ARGUMENT"

    def test_a_token_is_of_a_user_and_its_hash_is_in_no_event(self) -> None:
        shard = Shard()
        create_user(shard)
        command = CreateToken(
            id="t", token_id="a1b2c3d4", user="ada", sealed=HASH, scopes=("viewer:default",)
        )
        events = shard.handle(command)
        given = receipt(shard.state, command, events)
        assert given.token_id == "a1b2c3d4"
        assert repeated_receipt("t", events) == given
        assert all(b"argon2" not in canonical_bytes(to_record(event)) for event in shard.log)
        token = shard.state.access.tokens["a1b2c3d4"]
        assert (token.user, token.scopes) == ("ada", (Binding(Role.VIEWER, "default"),))

    def test_a_token_that_cannot_be_is_refused(self) -> None:
        shard = Shard()
        create_user(shard)
        create_token(shard)

        def reason(**fields: Any) -> str:
            fields = {"token_id": "b1b2c3d4", "user": "ada"} | fields
            return refusal(shard, CreateToken(id="x", sealed=HASH, **fields))

        assert reason(user="bob") == "USER_NOT_FOUND"
        assert reason(token_id="a1b2c3d4") == "TOKEN_EXISTS"
        assert reason(token_id="A/B") == "TOKEN_EXISTS"
        assert reason(scopes=("root",)) == "INVALID_ARGUMENT"
        assert reason(expires_at=T0 - timedelta(days=1)) == "INVALID_ARGUMENT"
        assert reason(label="x" * 201) == "INVALID_ARGUMENT"

    def test_a_token_is_revoked_by_its_user_and_by_who_may(self) -> None:
        shard = Shard()
        create_user(shard)
        create_token(shard)
        theirs = RevokeToken(id="x", token_id="a1b2c3d4", user="bob")
        assert refusal(shard, theirs) == "TOKEN_NOT_FOUND"
        mine = RevokeToken(id="r", token_id="a1b2c3d4", user="ada")
        assert kinds(shard.handle(mine)) == ["TokenRevoked"]
        assert refusal(shard, RevokeToken(id="y", token_id="a1b2c3d4")) == "TOKEN_NOT_FOUND"

    def test_who_goes_leaves_nothing_behind(self) -> None:
        shard = Shard()
        create_user(shard)
        create_token(shard)
        create_token(shard, "b1b2c3d4")
        grant(shard)
        gone = kinds(shard.handle(DeleteUser(id="d", name="ada")))
        assert gone == ["TokenRevoked", "TokenRevoked", "RoleRevoked", "UserDeleted"]
        access = shard.state.access
        assert (access.users, access.tokens, access.bindings) == ({}, {}, {})
        assert create_user(shard) == ["UserCreated"]  # somebody else of that name has nothing
        assert access.bindings_of("ada") == ()
        assert access.tokens_of("ada") == []

    def test_the_fold_of_the_log_is_the_same_state(self) -> None:
        shard = Shard()
        create_user(shard)
        create_token(shard, scopes=("operator:default/etl", "viewer"))
        grant(shard, role="admin", namespace="*")
        assert fold(shard.log).access == shard.state.access

    def test_events_that_do_not_fit_change_nothing(self) -> None:
        from millstream.core.access_state import Access, is_legal_access

        access = Access()
        assert is_legal_access(access, UserCreated(name="ada"))
        assert not is_legal_access(access, UserDeleted(name="ada"))
        assert not is_legal_access(access, TokenCreated(token_id="a1b2c3d4", user="ada"))
        role = RoleGranted(subject="ada", role="viewer", namespace="default")
        access.bindings["ada"] = {Binding(Role.VIEWER, "default"): None}
        assert not is_legal_access(access, role)
