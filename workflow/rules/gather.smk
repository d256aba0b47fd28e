# All shards in one dataset of objects, with positions and taxa.
rule gather:
    input:
        manifest=f"{RESULTS}/{{campaign}}/manifest",
        objects=records("segment"),
        scores=records("classify"),
    output:
        directory(f"{RESULTS}/{{campaign}}/objects.zarr"),
    log:
        f"{LOGS}/{{campaign}}/gather.log",
    benchmark:
        f"{LOGS}/{{campaign}}/gather.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 4
    resources:
        mem_mb=SITE.mem_mb(
            lambda wildcards, threads, attempt: budget.rows_mb(
                PLAN.whole_work(wildcards.campaign), threads, attempt
            )
        ),
        runtime=SITE.minutes(
            lambda wildcards, threads, attempt: budget.rows_minutes(
                PLAN.whole_work(wildcards.campaign), threads, attempt
            )
        ),
    params:
        depends_on=lambda wildcards: PLAN.gather_depends_on(wildcards.campaign),
    message:
        "Gather the objects of {wildcards.campaign}"
    shell:
        "seston gather {wildcards.campaign} "
        f"--cores {{threads}} --memory {{resources.mem_mb}} {LIMIT}&> {{log}}"
