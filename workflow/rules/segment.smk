# Objects of the shards of each block: found, measured, cut out. The record alone is an output:
# shards that are whole outlive a job that failed.
rule segment:
    input:
        manifest=manifest_of_block,
        network=lambda wildcards: PLAN.network_of(wildcards.campaign, wildcards.block),
    output:
        f"{RESULTS}/{{campaign}}/blocks/{{block}}/segment.json",
    log:
        f"{LOGS}/{{campaign}}/segment/{{block}}.log",
    benchmark:
        f"{LOGS}/{{campaign}}/segment/{{block}}.tsv"
    conda:
        NETWORK_ENVIRONMENT
    threads: 4
    resources:
        mem_mb=SITE.mem_mb(
            lambda wildcards, threads, attempt: budget.segment_mb(
                threads, gpus("segment")(wildcards), attempt
            ),
            gpus=gpus("segment"),
        ),
        runtime=SITE.minutes(
            lambda wildcards, threads, attempt: budget.segment_minutes(
                PLAN.work_of(wildcards.campaign, wildcards.block),
                threads,
                PLAN.method_of(wildcards.campaign, wildcards.block),
                attempt,
            ),
            gpus=gpus("segment"),
        ),
        gpu=gpus("segment"),
        gpu_model=gpu_model("segment"),
    params:
        depends_on=lambda wildcards: PLAN.objects_depend_on(
            wildcards.campaign, wildcards.block
        ),
    message:
        "Segment {wildcards.campaign}, block {wildcards.block}"
    shell:
        "seston segment {wildcards.campaign} {wildcards.block} "
        f"--cores {{threads}} --memory {{resources.mem_mb}} {LIMIT}&> {{log}}"
