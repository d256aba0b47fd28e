"""How far a campaign is: what is done, what runs, what failed and why, and what it has cost.

Everything is read from what the workflow leaves on disk, so that it can be asked from any machine
that sees the folder, while the workflow runs or long after: records of blocks, shards that are
whole, Snakemake's marks of jobs under way, its benchmarks, and logs.
"""

from seston.status.cost import Cost, cost_of
from seston.status.progress import CampaignStatus, Failure, StepStatus, status_of
from seston.status.show import as_json, as_text

__all__ = [
    "CampaignStatus",
    "Cost",
    "Failure",
    "StepStatus",
    "as_json",
    "as_text",
    "cost_of",
    "status_of",
]
