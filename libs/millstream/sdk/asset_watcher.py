"""``AssetWatcher``: an asset that is updated whenever a trigger fires.

A watched asset brings a small DAG with it that runs without an end: its one task waits for the
trigger, which costs no process, and its success updates the asset. So what a watcher does is in the
log like everything else, and a watcher can be paused like any DAG.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from millstream.sdk import arguments
from millstream.sdk.assets import Asset, watched_assets
from millstream.sdk.operator import BaseOperator
from millstream.sdk.triggers.trigger import BaseTrigger

if TYPE_CHECKING:
    from millstream.sdk.context import Context
    from millstream.sdk.dag import DAG

RETRIES = 1_000
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=10)


class AssetWatcher:
    """``Asset("inbox", watchers=[AssetWatcher(name="files", trigger=FileDeleteTrigger(...))])``:
    each event of the trigger updates the asset; what it says is ``extra["payload"]``."""

    def __init__(self, name: str, trigger: BaseTrigger) -> None:
        if not arguments.text("name", name):
            raise TypeError(f"AssetWatcher: name is {name!r}; it must be a str that is not empty")
        if not isinstance(trigger, BaseTrigger):
            raise TypeError(f"AssetWatcher {name!r}: trigger is {trigger!r}; it must be a trigger")
        self.name = name
        self.trigger = trigger

    def __repr__(self) -> str:
        return f"AssetWatcher({self.name!r}, {self.trigger!r})"


class WatchOperator(BaseOperator):
    """The task that waits for a watcher's trigger."""

    operator_name: ClassVar[str] = "AssetWatcher"

    def __init__(self, *, asset: Asset, trigger: BaseTrigger, **kwargs: Any) -> None:
        self.asset = asset
        self.trigger = trigger
        super().__init__(outlets=[asset], **kwargs)

    def execute(self, context: Context) -> NoReturn:
        """Waits."""
        self.defer(trigger=self.trigger, method_name="update")

    def update(self, context: Context, event: Any = None) -> None:
        """The trigger has fired."""
        context["outlet_events"][self.asset].extra.update(from_trigger=True, payload=event)


def watching_dags(schedule: object) -> Iterator[DAG]:
    """A DAG for each watcher of the assets that a DAG is scheduled by."""
    from millstream.sdk.dag import DAG

    for asset in watched_assets(schedule):
        for watcher in asset.watchers:
            dag = DAG(
                _dag_id(asset.name, watcher.name),
                description=f"Updates the asset {asset.name} whenever {watcher.name} fires.",
                schedule="@continuous",
                is_paused_upon_creation=False,
            )
            WatchOperator(
                task_id="watch",
                dag=dag,
                asset=asset,
                trigger=watcher.trigger,
                retries=RETRIES,
                retry_delay=FIRST_PAUSE,
                retry_exponential_backoff=True,
                max_retry_delay=LONGEST_PAUSE,
            )
            yield dag


def _dag_id(asset: str, watcher: str) -> str:
    plain = re.sub(r"[^\w.-]+", "_", f"watch__{asset}__{watcher}")[:200]
    if plain == f"watch__{asset}__{watcher}":
        return plain
    return f"{plain}_{hashlib.sha256(f'{asset}/{watcher}'.encode()).hexdigest()[:8]}"
