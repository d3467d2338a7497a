"""Two of every service: the active ones are killed, stand still and are restarted under load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import cast

import pytest

from failover.deployment import Deployment, deployed
from failover.kills import kill_projectors, kill_schedulers, let_stand_still, quantile
from failover.load import Load, Watch
from failover.rolling import restart_all
from integration.running_stack import RunningStack
from integration.verify import verify_log

# Eight processes are started and restarted, beside whatever else the machine does.
pytestmark = pytest.mark.timeout(400)
LEASE_S = 4.0
# Nothing is measured on a machine that runs other tests: this is far from what is aimed at, and far
# from what waiting for an acknowledgement or a lease to run out would take.
GAP_S = 3.0


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("failover") / "a folder"
    with deployed(folder, {"LEASE_S": str(LEASE_S)}) as running:
        yield running


@contextmanager
def loaded(deployment: Deployment, name: str, rows: int = 4) -> Iterator[tuple[Watch, Load]]:
    """Afterwards nothing may be lost, repeated or have failed, and the log must be right."""
    watch = Watch(deployment.nats_url)
    try:
        load = Load(deployment, rows, 20, 0.05, name)
        load.start()
        yield watch, load
        load.stop()
        assert load.failures == []
        assert list(load.ended) == ["success"]
        assert len(load.executions()) == 20 * load.ended["success"]
        assert load.run_twice() == 0
        assert watch.restarts() == 0
        # It has all that is asked of a stack there.
        verify_log(cast(RunningStack, deployment))
    finally:
        watch.close()


def test_the_active_scheduler_is_killed(deployment: Deployment) -> None:
    with loaded(deployment, "killed schedulers") as (watch, load):
        kills = kill_schedulers(deployment, watch, load, 3, Random(1), 0.5)
    assert quantile([each.to_dispatch_s for each in kills.takeovers], 0.5) < GAP_S
    assert quantile([each.longest_wait_s for each in kills.takeovers], 0.5) < GAP_S


def test_the_active_one_stands_still_and_comes_back(deployment: Deployment) -> None:
    """It is replaced within a lease or so, and ends when it sees that."""
    with loaded(deployment, "still", rows=2) as (watch, _):
        took_s = [
            let_stand_still(deployment, watch, role, LEASE_S) for role in ("scheduler", "projector")
        ]
        kill_projectors(deployment, watch, 1, Random(2))
    assert max(took_s) < LEASE_S + 10


def test_a_rolling_restart(deployment: Deployment) -> None:
    with loaded(deployment, "rolling", rows=2) as (_, load):
        restart_all(deployment, load, 0.5, each=1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_hundred_kills(deployment: Deployment) -> None:
    with loaded(deployment, "a hundred", rows=8) as (watch, load):
        kills = kill_schedulers(deployment, watch, load, 100, Random(3), 2.0)
    gaps = [each.to_dispatch_s for each in kills.takeovers]
    assert quantile(gaps, 0.5) < 1.0
    assert quantile(gaps, 0.99) < GAP_S


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_many_stand_still_and_many_projectors_die(deployment: Deployment) -> None:
    with loaded(deployment, "many still") as (watch, _):
        for _ in range(5):
            for role in ("scheduler", "projector"):
                let_stand_still(deployment, watch, role, LEASE_S)
        kill_projectors(deployment, watch, 20, Random(4))


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_rolling_restart_of_every_process(deployment: Deployment) -> None:
    with loaded(deployment, "everything", rows=8) as (_, load):
        restart_all(deployment, load, 2.0)
