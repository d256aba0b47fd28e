"""Workers that come back, whatever ends them or their nannies."""

from __future__ import annotations

import logging

from distributed import SpecCluster, Status
from tornado.ioloop import PeriodicCallback

log = logging.getLogger(__name__)

_LOOK_EVERY_MS = 500


class Workers(SpecCluster):
    """A scheduler and the workers of this node.

    A nanny starts its worker anew when that dies, but gives up itself where the worker dies while
    it starts: as it does of a task that waits for it and kills whoever takes it. Without workers
    a stream would wait for ever, so nannies that have given up are replaced.
    """

    async def _start(self) -> None:
        self.periodic_callbacks["revive"] = PeriodicCallback(self._revive, _LOOK_EVERY_MS)
        await super()._start()  # type: ignore[no-untyped-call]

    async def _revive(self) -> None:
        ended = (Status.closed, Status.failed)
        gone = [name for name, nanny in self.workers.items() if nanny.status in ended]
        if not gone or self.status != Status.running:
            return
        for name in gone:
            del self.workers[name]
        log.info("workers %s have ended with their nannies, and are started anew", gone)
        try:
            await self._correct_state()  # type: ignore[no-untyped-call]
        except Exception as error:  # one has died again, and is looked at again
            log.debug("a worker did not start: %s", error)
