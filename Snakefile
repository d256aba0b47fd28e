# From raw pictures to CF-described datasets, figures and a report: one campaign, one report.
from snakemake.utils import min_version

min_version("9.10")


include: "workflow/rules/common.smk"
include: "workflow/rules/ingest.smk"
include: "workflow/rules/segment.smk"
include: "workflow/rules/classify.smk"
include: "workflow/rules/gather.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/publish.smk"


localrules:
    all,


rule all:
    default_target: True
    input:
        expand(f"{RESULTS}/{{campaign}}/report.html", campaign=PLAN.campaigns),
        PLAN.particles(),
        # Blocks by name too: one of which a shard was deleted is done again, and what follows.
        everything("segment"),
        everything("classify"),


onsuccess:
    shell("seston status")


onerror:
    shell("seston status")
