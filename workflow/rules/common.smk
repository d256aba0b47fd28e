# The configuration, checked before anything runs, and names that all rules share.
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from seston import budget
from seston.errors import SestonError
from seston.plan import open_plan
from seston.site import keeps_accounts, read_site

try:
    SITE = read_site(config.pop("site", None))  # which the profile of a cluster names
    PLAN = open_plan(workflow.overwrite_configfiles or [], config)
except SestonError as error:
    raise WorkflowError(str(error)) from None

if workflow.is_main_process:
    for record in PLAN.forget_what_is_lost():
        logger.warning(f"{record}: a shard that it names is gone; it is made again")

# What the site gives: in whose name jobs run, how many at once, and at most how much each.
GPUS, NETWORK_GPUS = SITE.gpus(PLAN.gpus), SITE.gpus(PLAN.network_gpus)
WANTED, GIVEN = max(PLAN.gpus, PLAN.network_gpus), max(GPUS, NETWORK_GPUS)
if workflow.is_main_process and GIVEN < WANTED:
    logger.warning(
        f"{WANTED} GPUs are wanted, a job of this site has {GIVEN}"
        + ("" if GIVEN else ": cores do their work")
    )
if SITE.cores:
    most = workflow.resource_settings.max_threads or SITE.cores
    workflow.resource_settings.max_threads = min(most, SITE.cores)
if SITE.limits.jobs and workflow.nodes:
    workflow.global_resources["_nodes"] = min(SITE.limits.jobs, workflow.nodes)
if SITE.resources and workflow.resource_settings.default_resources is not None:
    workflow.resource_settings.default_resources.update(SITE.resources)


onstart:
    # Without accounts Slurm has nothing to report, and to ask for it all the same looks like an error.
    if getattr(workflow.executor_settings, "efficiency_report", False):
        workflow.executor_settings.efficiency_report = keeps_accounts()


RESULTS = PLAN.config.results.as_posix()
DATA = PLAN.config.simulate.folder.as_posix()
LOGS = "logs"
# Only a batch system ends jobs whose time is up; a slow laptop just takes longer.
LIMIT = "--minutes {resources.runtime} " if workflow.remote_exec else ""
ENVIRONMENT = f"../../envs/{'gpu' if PLAN.gpus else 'cpu'}.yaml"
NETWORK_ENVIRONMENT = f"../../envs/{'gpu' if PLAN.network_gpus else 'cpu'}.yaml"

# The commands of this very environment, activated or not, and the configuration that they read.
# Not in the rules: the same settings in another place are no reason to do anything again.
shell.prefix(
    f'set -euo pipefail; export PATH="{Path(sys.executable).parent}:$PATH" '
    f'SESTON_CONFIG="{PLAN.path.resolve()}"; '
    + (SITE.prefix() if workflow.remote_exec else "")
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


def gpus(step):
    """Resource function: GPUs of a job of a step of blocks, of those that the site has."""
    return lambda wildcards: SITE.gpus(PLAN.gpus_of(wildcards.campaign, step))


def gpu_model(step):
    """Resource function: the type of GPU that such a job asks for, if it asks for any."""
    return lambda wildcards: SITE.gpu_model if gpus(step)(wildcards) else None


def manifest_of_block(wildcards):
    """Input function: a new manifest redoes only the blocks whose files or settings changed.

    `ancient` alone would not do: where the manifest is made again, Snakemake does not look at the
    parameters of what hangs on it.
    """
    manifest = f"{RESULTS}/{wildcards.campaign}/manifest"
    done = PLAN.is_segmented(wildcards.campaign, wildcards.block)
    return ancient(manifest) if done else manifest
