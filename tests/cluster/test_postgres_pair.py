"""The primary lost and its standby promoted under load; old primaries that come back."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from cluster.cluster_stack import ClusterStack
from cluster.conftest import MakePair
from cluster.load import Load
from integration.running_stack import eventually
from integration.verify import verify_log
from millstream.adapters.service import EXIT_FATAL
from millstream.core.errors import MillstreamError


@pytest.mark.soak
@pytest.mark.timeout(600)
class TestAsynchronous:
    def test_lost_commits_are_refused_and_the_old_primary_has_them(
        self, make_pair: MakePair
    ) -> None:
        pair, stack = make_pair(False)
        with Load(stack) as load:
            load.wait_for_more(1)
            pair.stop_following()
            load.wait_for_more(2)
        load.assert_all_succeed()
        log = verify_log(stack)
        had = len(log.rows)
        pair.primary.kill()
        pair.promote()
        kept = pair.position(pair.standby)
        assert 0 < kept < had
        said = (
            f"Postgres ends at position {kept}, but the stream EVENTS already holds position {had}"
        )
        eventually("the scheduler refuses", lambda: said in stack.log("scheduler"), 60)
        client = stack.client()
        with pytest.raises(MillstreamError):
            client.trigger("dozen")
        assert pair.position(pair.standby) == kept
        # The operator takes the old primary after all: nothing is lost.
        pair.standby.kill()
        stack.down()
        pair.primary.start()
        stack.up()
        with Load(stack) as after:
            pass
        after.assert_all_succeed()
        assert len(verify_log(stack).rows) > had

    def test_a_scheduler_that_reaches_the_old_primary_alone_goes_nowhere(
        self, make_pair: MakePair
    ) -> None:
        """The stream is the witness: it holds what the new primary's scheduler has committed."""
        pair, stack = make_pair(False)
        with Load(stack) as load:
            pair.primary.kill()
            pair.promote()
            load.wait_for_more(2)
            pair.primary.start()
            before = pair.position(pair.primary)
            lost = OneScheduler(stack, pair.primary.url)
            assert lost.process.wait(60) == EXIT_FATAL, lost.said()
            assert "STORE_BEHIND_STREAM" in lost.said() or "FOREIGN_STREAM" in lost.said()
            assert pair.position(pair.primary) == before
            load.wait_for_more(2)
        load.assert_all_succeed()
        pair.primary.kill()
        verify_log(stack)


@pytest.mark.soak
@pytest.mark.timeout(600)
class TestHanging:
    def test_a_primary_that_hangs_is_left(self, make_pair: MakePair) -> None:
        """As a machine that answers nothing; then it goes on where it stood."""
        pair, stack = make_pair(True)
        with Load(stack) as load:
            pair.primary.signal_all(signal.SIGSTOP)
            pair.promote()
            load.wait_for_more(2, 120)
            pair.primary.signal_all(signal.SIGCONT)
            load.wait_for_more(4, 120)
        load.assert_all_succeed()
        pair.primary.kill()
        verify_log(stack)


class OneScheduler:
    """A scheduler beside those of a stack, on another Postgres."""

    def __init__(self, stack: ClusterStack, database_url: str) -> None:
        settings = {
            "NATS_URL": stack.nats_url,
            "DATABASE_URL": database_url,
            "INSTANCE": "lost",
            "STATE_DIR": str(stack.data_dir / "lost"),
        }
        self._log = stack.data_dir / "logs" / "lost.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "millstream_scheduler"],
                env=stack.environment | {f"MILLSTREAM_{k}": v for k, v in settings.items()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        return self._log.read_text()
