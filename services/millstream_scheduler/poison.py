"""A message that ends the scheduler comes again, and would end the next one, and so on.

What Postgres will not store shows only at the commit, when the state is ahead of the log already
and the process must end. So a message that was delivered several times is decided by itself; if
that fails as well it is the one, and the process refuses it for good before it ends.
"""

from __future__ import annotations

import structlog

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.event_log import EventLog, Refusal
from millstream.adapters.pull import read_meta
from millstream.adapters.subjects import receipt_subject
from millstream.core.receipts import Receipt, encode_receipts
from millstream_scheduler.admission import Sender

log = structlog.get_logger(__name__)

# The scheduler that had it first may have ended for a reason of its own, and the next one too.
SUSPECT_AFTER = 3
# What the refusal is kept as; its sender hears INTERNAL.
POISON = "POISON"


def is_suspect(delivery: Delivery) -> bool:
    """It was with two schedulers that did not settle it."""
    return read_meta(delivery.reply).deliveries >= SUSPECT_AFTER


async def refuse_for_good(
    bus: Bus, event_log: EventLog, delivery: Delivery, sender: Sender, receipt: Receipt
) -> None:
    """It never comes again, its sender hears of it, and it is kept with the refusals, so that the
    next scheduler knows it if it was sent twice. Raises :class:`Unavailable`."""
    log.error("poison", sender=str(sender), command=receipt.id, error=receipt.message)
    refusal = Refusal(receipt.id, str(sender), delivery.subject[:200], POISON, receipt.message)
    await event_log.refuse([refusal])
    bus.send(receipt_subject(sender.role, sender.principal), encode_receipts([receipt]))
    bus.send(delivery.reply, b"+TERM")
    await bus.flush()
