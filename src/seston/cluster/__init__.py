"""One door to Dask: it reads what the job was given, starts workers for it, and streams tasks.

`job` reads cores, memory, GPUs, time and scratch, the same on a laptop and in a job;
`client` starts workers or finds a scheduler; `tasks` sends work and survives what kills workers;
`nodes` brings in the other nodes of a job, `limits` reads control groups, and `report` keeps what
Dask saw.
"""

from seston.cluster.client import WORKERS_SHARE, connect
from seston.cluster.job import (
    MARGIN_S,
    Allocation,
    allocation,
    available_cores,
    check_time,
)
from seston.cluster.tasks import VERDICT, Alone, Rescue, given_of, run_all, stream, worker_number

__all__ = [
    "MARGIN_S",
    "VERDICT",
    "WORKERS_SHARE",
    "Allocation",
    "Alone",
    "Rescue",
    "allocation",
    "available_cores",
    "check_time",
    "connect",
    "given_of",
    "run_all",
    "stream",
    "worker_number",
]
