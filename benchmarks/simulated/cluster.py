"""A cluster that works through a campaign, by events: who waits for what, and for how long.

Jobs of some cores each work through the shards of a block, one after the other; the classification
of a block begins when the workflow has seen that its segmentation ended; the gather, one job, when
it has seen that all have. Whoever reads shares one file system: each as much as it asks for, or
where that is too much, an equal part (max-min fair). The workflow looks at its jobs as the profile
for Slurm says: 20 s after something ended, then 10 s later each time, at most every 180 s.

All core-seconds of the cluster go to one account: useful work, or a cause why there was none.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

#: Seconds between two looks at the jobs: at first, more each time that none has ended, at most.
POLL_S, POLL_MORE_S, POLL_MOST_S = 20.0, 10.0, 180.0
STEPS = ("segment", "classify", "gather")
#: Why cores do nothing useful, and what it is called in tables.
CAUSES = {
    "planning": "planning",
    "inside": "in jobs",
    "reading": "reading",
    "starting": "starting",
    "scheduler": "scheduler",
    "blocks": "few blocks",
    "places": "no place",
    "gather": "gather",
}


# -------------------------------------------------------------------------------- inside a job
def stream_s(tasks: Sequence[float], workers: int, command_s: float, ahead: int = 2) -> float:
    """Seconds of a stage that takes results in order, as `seston.cluster.stream` does.

    Parameters
    ----------
    tasks : sequence of float, s
        What a worker takes for each.
    workers : int
    command_s : float, s
        What the command does with each result, one after the other.
    ahead : int
        Tasks a worker that are under way or wait to be fetched.
    """
    free, fetched, command = [0.0] * workers, list[float](), 0.0
    for number, taken in enumerate(tasks):
        before = number - ahead * workers
        sent = fetched[before] if before >= 0 else 0.0
        end = max(heapq.heappop(free), sent) + taken
        heapq.heappush(free, end)
        fetched.append(max(command, end))
        command = fetched[-1] + command_s
    return command


@dataclass(frozen=True, slots=True)
class Piece:
    """What a job does before it can stop: a shard, or a whole gather.

    Parameters
    ----------
    seconds : float, s
        On the cores of a job, where reading takes no time.
    gigabytes : float, GB
        That it reads (or writes) meanwhile.
    useful_s : float, s
        Core-seconds of it that one core alone would need too.
    """

    seconds: float
    gigabytes: float
    useful_s: float


# ------------------------------------------------------------------------------------ the cluster
@dataclass(frozen=True, slots=True)
class Site:
    """Where a campaign is worked.

    Parameters
    ----------
    cores, cores_per_job, jobs : int
        Jobs: at most so many are sent and not yet known to have ended.
    read_gb_s : float, GB/s
        Of the shared file system.
    submit_s : float, s
        To send one job.
    start_s : dict of float, s
        From the start of a job of each step to its first task.
    classify_first : bool
        Whether a block that is segmented goes before those that are not; else who is ready first
        is sent first.
    """

    cores: int
    cores_per_job: int
    jobs: int
    read_gb_s: float
    submit_s: float
    start_s: dict[str, float]
    classify_first: bool = False

    @property
    def places(self) -> int:
        """Jobs that can run at once."""
        return min(self.cores // self.cores_per_job, self.jobs)


@dataclass(slots=True)
class Outcome:
    """What a campaign took.

    Parameters
    ----------
    seconds : float, s
    accounts : dict of float, s
        Core-seconds: ``useful``, and of each of `CAUSES`.
    """

    seconds: float = 0.0
    accounts: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("useful", *CAUSES), 0.0)
    )

    def share(self, name: str) -> float:
        """Part of all core-seconds that went to an account."""
        return self.accounts[name] / sum(self.accounts.values())

    @property
    def limit(self) -> str:
        """What takes most of what is not useful."""
        return max(CAUSES, key=lambda name: self.accounts[name])


@dataclass(slots=True, eq=False)
class _Job:
    step: str
    block: int
    pieces: Iterator[Piece]
    piece: Piece | None = None
    left: float = 0.0  # of the piece, from 1 to 0


def work_through(
    site: Site, blocks: Sequence[dict[str, Sequence[Piece]]], gather: Piece, before_s: float = 0.0
) -> Outcome:
    """Work through a campaign.

    Parameters
    ----------
    site : Site
    blocks : sequence of dict
        Pieces of the steps ``segment`` and ``classify`` of each block.
    gather : Piece
    before_s : float, s
        That the workflow takes alone before the first job can be sent.
    """
    if not site.places:
        raise ValueError("the cluster has fewer cores than one job")
    return _Run(site, blocks, gather, before_s).outcome()


class _Run:
    def __init__(
        self,
        site: Site,
        blocks: Sequence[dict[str, Sequence[Piece]]],
        gather: Piece,
        before_s: float,
    ) -> None:
        self.site, self.blocks, self.gather = site, blocks, gather
        self.now, self.order, self.found = 0.0, count(), Outcome()
        self.events: list[tuple[float, int, str, _Job | None]] = []
        self.ready = deque(("segment", number) for number in range(len(blocks)))
        self.queued: deque[_Job] = deque()  # sent, and waiting for a place
        self.starting: set[_Job] = set()
        self.running: list[_Job] = []
        self.ended: list[_Job] = []  # and not yet noticed
        self.sent, self.classified, self.poll_s, self.sending = 0, 0, POLL_S, False
        self.before_s = before_s
        self._at(before_s, "send")
        self._at(before_s + POLL_S, "poll")

    def outcome(self) -> Outcome:
        """Let time pass until the gather has ended."""
        done = False
        while not done:
            rates = self._rates()
            first = self._first_end(rates)
            event_at = self.events[0][0] if self.events else np.inf
            self._pass(min(first, event_at), rates)
            if first <= event_at:
                done = self._end_pieces()
            else:
                _, _, what, job = heapq.heappop(self.events)
                self._happen(what, job)
        self.found.seconds = self.now
        return self.found

    def _at(self, when: float, what: str, job: _Job | None = None) -> None:
        heapq.heappush(self.events, (when, next(self.order), what, job))

    def _happen(self, what: str, job: _Job | None) -> None:
        if what == "send":
            self._send()
        elif what == "poll":
            self._notice()
        elif job is not None:
            self.starting.remove(job)
            self._begin_piece(job)

    # ------------------------------------------------------------------------------- the workflow
    def _send(self) -> None:
        """Send one job, and the next when that is done."""
        self.sending = bool(self.ready) and self.sent < self.site.jobs
        if not self.sending:
            return
        step, number = self.ready.popleft()
        pieces = [self.gather] if step == "gather" else self.blocks[number][step]
        self.queued.append(_Job(step, number, iter(pieces)))
        self.sent += 1
        self._start_jobs()
        self._at(self.now + self.site.submit_s, "send")

    def _notice(self) -> None:
        """See which jobs have ended, and what can be done now."""
        for job in self.ended:
            self.sent -= 1
            if job.step == "segment":
                add = self.ready.appendleft if self.site.classify_first else self.ready.append
                add(("classify", job.block))
            else:
                self.classified += 1
                if self.classified == len(self.blocks):
                    self.ready.append(("gather", 0))
        self.poll_s = POLL_S if self.ended else min(self.poll_s + POLL_MORE_S, POLL_MOST_S)
        self.ended.clear()
        self._at(self.now + self.poll_s, "poll")
        if not self.sending:
            self._send()

    # ----------------------------------------------------------------------------------- the jobs
    def _start_jobs(self) -> None:
        while self.queued and len(self.starting) + len(self.running) < self.site.places:
            job = self.queued.popleft()
            self.starting.add(job)
            self._at(self.now + self.site.start_s[job.step], "start", job)

    def _begin_piece(self, job: _Job) -> bool:
        """Begin what a job does next; tell whether there is something."""
        job.piece, job.left = next(job.pieces, None), 1.0
        if job.piece is not None and job not in self.running:
            self.running.append(job)
        return job.piece is not None

    def _end_pieces(self) -> bool:
        """End what is finished; tell whether that was the gather."""
        for job in [job for job in self.running if job.left <= 1e-9]:
            assert job.piece is not None
            self.found.accounts["useful"] += job.piece.useful_s
            spent = job.piece.seconds * self.site.cores_per_job - job.piece.useful_s
            self.found.accounts["gather" if job.step == "gather" else "inside"] += spent
            if not self._begin_piece(job):
                self.running.remove(job)
                self.ended.append(job)
                if job.step == "gather":
                    return True
        self._start_jobs()
        return False

    # ----------------------------------------------------------------------------------- the time
    def _rates(self) -> np.ndarray:
        """Speed of each running job, 1 where it does not wait for the file system."""
        asked = np.array([j.piece.gigabytes / j.piece.seconds for j in self.running if j.piece])
        if asked.sum() <= self.site.read_gb_s:
            return np.ones(len(asked))
        return np.minimum(1.0, fair_share(asked, self.site.read_gb_s) / np.maximum(asked, 1e-12))

    def _first_end(self, rates: np.ndarray) -> float:
        ends = (
            j.left * j.piece.seconds / r
            for j, r in zip(self.running, rates, strict=True)
            if j.piece
        )
        return self.now + min(ends, default=np.inf)

    def _pass(self, until: float, rates: np.ndarray) -> None:
        """Let the running jobs go on, and book what the other cores wait for."""
        passed, self.now = until - self.now, until
        for job, rate in zip(self.running, rates, strict=True):
            assert job.piece is not None
            job.left -= passed * rate / job.piece.seconds
        accounts, each = self.found.accounts, self.site.cores_per_job
        accounts["reading"] += passed * each * float((1 - rates).sum())
        accounts["starting"] += passed * each * len(self.starting)
        idle = self.site.places - len(self.running) - len(self.starting)
        accounts[self._cause()] += passed * each * idle
        accounts["places"] += passed * (self.site.cores - each * self.site.places)

    def _cause(self) -> str:
        """Say why places are empty now."""
        if self.now <= self.before_s:
            return "planning"
        if any(job.step == "gather" for job in (*self.running, *self.starting)):
            return "gather"
        return "scheduler" if self.ready or self.ended else "blocks"


def fair_share(asked: np.ndarray, given: float) -> float:
    """Give the most that each may have so that all together have no more than is given."""
    ordered = np.sort(asked)
    for number, least in enumerate(ordered):
        others = len(ordered) - number
        if least * others >= given:
            return given / others
        given -= least
    return np.inf
