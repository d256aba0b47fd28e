# Frames and environment of a campaign; and campaigns with known truth, where config names them.
checkpoint simulate:
    output:
        directory(f"{DATA}/{{campaign}}"),
    log:
        f"{LOGS}/{{campaign}}/simulate.log",
    benchmark:
        f"{LOGS}/{{campaign}}/simulate.tsv"
    wildcard_constraints:
        campaign="|".join(PLAN.simulated) or "(?!)",
    conda:
        "../../envs/cpu.yaml"
    threads: 4
    resources:
        mem_mb=SITE.mem_mb(lambda wildcards, attempt: 4000 * attempt),
        runtime=SITE.minutes(lambda wildcards, attempt: 60 * attempt),
    params:
        settings=lambda wildcards: PLAN.simulation(wildcards.campaign),
    message:
        "Simulate {wildcards.campaign}"
    shell:
        "seston simulate {output} {params.settings} --cores {threads} &> {log}"


rule ingest:
    input:
        lambda wildcards: simulated(wildcards.campaign),
    output:
        directory(f"{RESULTS}/{{campaign}}/manifest"),
    log:
        f"{LOGS}/{{campaign}}/ingest.log",
    benchmark:
        f"{LOGS}/{{campaign}}/ingest.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=SITE.mem_mb(lambda wildcards, attempt: 4000 * attempt),
        runtime=SITE.minutes(lambda wildcards, attempt: 60 * attempt),
    params:
        depends_on=lambda wildcards: PLAN.manifest_depends_on(wildcards.campaign),
    message:
        "List frames and environment of {wildcards.campaign}"
    shell:
        "seston ingest {wildcards.campaign} &> {log}"
