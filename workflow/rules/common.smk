# The configuration, checked before anything runs, and names that all rules share.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from seston import budget
from seston.errors import SestonError
from seston.plan import open_plan

try:
    PLAN = open_plan(workflow.overwrite_configfiles or [], config)
except SestonError as error:
    raise WorkflowError(str(error)) from None

if workflow.is_main_process:
    for record in PLAN.forget_what_is_lost():
        logger.warning(f"{record}: a shard that it names is gone; it is made again")

RESULTS = PLAN.config.results.as_posix()
DATA = PLAN.config.simulate.folder.as_posix()
LOGS = "logs"
# Only a batch system ends jobs whose time is up; a slow laptop just takes longer.
LIMIT = "--minutes {resources.runtime} " if workflow.remote_exec else ""
ENVIRONMENT = f"../../envs/{'gpu' if PLAN.gpus else 'cpu'}.yaml"

# The commands of this very environment, activated or not, and the configuration that they read.
# Not in the rules: the same settings in another place are no reason to do anything again.
shell.prefix(
    f'set -euo pipefail; export PATH="{Path(sys.executable).parent}:$PATH" '
    f'SESTON_CONFIG="{PLAN.path.resolve()}"; '
)


wildcard_constraints:
    campaign="[^/]+",
    block="[^/]+",


def simulated(campaign):
    """Folder that must be simulated before a campaign's files are known, if any."""
    if campaign not in PLAN.simulated:
        return []
    return [checkpoints.simulate.get(campaign=campaign).output[0]]


def everything(step):
    """Input function: the records of one step of all blocks of all campaigns."""

    def of_all_campaigns(wildcards):
        for campaign in PLAN.campaigns:
            simulated(campaign)
        return [
            record
            for campaign in PLAN.campaigns
            for record in PLAN.records(campaign, step)
        ]

    return of_all_campaigns


def records(step):
    """Input function: the records of one step of all blocks of the campaign."""

    def of_all_blocks(wildcards):
        simulated(wildcards.campaign)
        return PLAN.records(wildcards.campaign, step)

    return of_all_blocks


def manifest_of_block(wildcards):
    """Input function: a new manifest redoes only the blocks whose files or settings changed.

    `ancient` alone would not do: where the manifest is made again, Snakemake does not look at the
    parameters of what hangs on it.
    """
    manifest = f"{RESULTS}/{wildcards.campaign}/manifest"
    done = PLAN.is_segmented(wildcards.campaign, wildcards.block)
    return ancient(manifest) if done else manifest
