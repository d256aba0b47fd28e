# Objects of each shard: found, measured, cut out.
rule segment:
    input:
        manifest=manifest_of_shard,
        network=lambda wildcards: PLAN.network_of(wildcards.campaign, wildcards.shard),
    output:
        directory(f"{RESULTS}/{{campaign}}/shards/{{shard}}/objects.zarr"),
    log:
        f"{LOGS}/{{campaign}}/segment/{{shard}}.log",
    benchmark:
        f"{LOGS}/{{campaign}}/segment/{{shard}}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, threads, attempt: 2000 * threads * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        depends_on=lambda wildcards: PLAN.objects_depend_on(
            wildcards.campaign, wildcards.shard
        ),
    message:
        "Segment {wildcards.campaign}, shard {wildcards.shard}"
    shell:
        "seston segment {wildcards.campaign} {wildcards.shard} "
        "--cores {threads} --memory {resources.mem_mb} &> {log}"
