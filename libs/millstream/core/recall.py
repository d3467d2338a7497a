"""A run that is over, as its events in the log say it was left."""

from __future__ import annotations

from millstream.core.dags import Dag
from millstream.core.events import Event
from millstream.core.evolve import evolve
from millstream.core.state import Run, RunKey, State


class Recall:
    """``fold`` every event that the log has about a run; ``run`` is what they make of it, None if
    there are none. ``state`` lends the versions of the run's DAG and is not changed."""

    def __init__(self, state: State, key: RunKey) -> None:
        self._key = key
        self._aside = State()
        dag = state.dags.get(key[:2])
        if dag is not None:
            self._aside.dags[key[:2]] = Dag(versions=dag.versions)
        self.run: Run | None = None

    def fold(self, event: Event) -> None:
        # One event may make a run, and the next one end it, which takes it out of the state.
        evolve(self._aside, event)
        self.run = self._aside.runs.get(self._key, self.run)
