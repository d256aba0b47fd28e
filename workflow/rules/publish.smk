# What people read.
rule report:
    input:
        objects=f"{RESULTS}/{{campaign}}/objects.zarr",
        profiles=f"{RESULTS}/{{campaign}}/profiles.zarr",
    output:
        f"{RESULTS}/{{campaign}}/report.html",
    log:
        f"{LOGS}/{{campaign}}/report.log",
    benchmark:
        f"{LOGS}/{{campaign}}/report.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=SITE.mem_mb(lambda wildcards, attempt: 4000 * attempt),
        runtime=SITE.minutes(lambda wildcards, attempt: 30 * attempt),
    params:
        depends_on=lambda wildcards: PLAN.report_depends_on(wildcards.campaign),
    message:
        "Report on {wildcards.campaign}"
    shell:
        "seston report {wildcards.campaign} &> {log}"
