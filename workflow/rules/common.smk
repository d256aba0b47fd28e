# The configuration, checked before anything runs, and names that all rules share.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from seston.errors import SestonError
from seston.plan import open_plan

try:
    PLAN = open_plan(workflow.overwrite_configfiles or [], config)
except SestonError as error:
    raise WorkflowError(str(error)) from None

RESULTS = PLAN.config.results.as_posix()
DATA = PLAN.config.simulate.folder.as_posix()
LOGS = "logs"
ENVIRONMENT = f"../../envs/{'gpu' if PLAN.gpus else 'cpu'}.yaml"

# The commands of this very environment, activated or not, and the configuration that they read.
# Not in the rules: the same settings in another place are no reason to do anything again.
shell.prefix(
    f'set -euo pipefail; export PATH="{Path(sys.executable).parent}:$PATH" '
    f'SESTON_CONFIG="{PLAN.path.resolve()}"; '
)


wildcard_constraints:
    campaign="[^/]+",
    shard="[^/]+",


def simulated(campaign):
    """Folder that must be simulated before a campaign's files are known, if any."""
    if campaign not in PLAN.simulated:
        return []
    return [checkpoints.simulate.get(campaign=campaign).output[0]]


def everything(name):
    """Input function: the stores of one name of all shards of all campaigns."""

    def of_all_campaigns(wildcards):
        for campaign in PLAN.campaigns:
            simulated(campaign)
        return [
            store
            for campaign in PLAN.campaigns
            for store in PLAN.stores(campaign, name)
        ]

    return of_all_campaigns


def stores(name):
    """Input function: the stores of one name of all shards of the campaign."""

    def of_all_shards(wildcards):
        simulated(wildcards.campaign)
        return PLAN.stores(wildcards.campaign, name)

    return of_all_shards


def manifest_of_shard(wildcards):
    """Input function: a new manifest redoes only the shards whose files or settings changed.

    `ancient` alone would not do: where the manifest is made again, Snakemake does not look at the
    parameters of what hangs on it.
    """
    manifest = f"{RESULTS}/{wildcards.campaign}/manifest"
    done = PLAN.is_segmented(wildcards.campaign, wildcards.shard)
    return ancient(manifest) if done else manifest
