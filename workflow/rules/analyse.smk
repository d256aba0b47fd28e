# Concentration, biovolume and carbon by profile, depth and taxon, beside the environment.
rule profile:
    input:
        objects=f"{RESULTS}/{{campaign}}/objects.zarr",
        manifest=f"{RESULTS}/{{campaign}}/manifest",
        model=lambda wildcards: PLAN.classifier_of(wildcards.campaign),
        taxonomy=PLAN.taxonomy,
    output:
        directory(f"{RESULTS}/{{campaign}}/profiles.zarr"),
    log:
        f"{LOGS}/{{campaign}}/profile.log",
    benchmark:
        f"{LOGS}/{{campaign}}/profile.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
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
        depends_on=lambda wildcards: PLAN.profiles_depend_on(wildcards.campaign),
    message:
        "Bin {wildcards.campaign} by profile, depth and taxon"
    shell:
        "seston profile {wildcards.campaign} "
        f"--cores {{threads}} --memory {{resources.mem_mb}} {LIMIT}&> {{log}}"


# Particles without images, of instruments that count them.
rule particles:
    input:
        f"{RESULTS}/{{campaign}}/manifest",
    output:
        directory(f"{RESULTS}/{{campaign}}/particles.zarr"),
    log:
        f"{LOGS}/{{campaign}}/particles.log",
    benchmark:
        f"{LOGS}/{{campaign}}/particles.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=SITE.mem_mb(lambda wildcards, attempt: 4000 * attempt),
        runtime=SITE.minutes(lambda wildcards, attempt: 120 * attempt),
    params:
        depends_on=lambda wildcards: PLAN.particles_depend_on(wildcards.campaign),
    message:
        "Bin the particles of {wildcards.campaign} by profile, depth and size"
    shell:
        "seston particles {wildcards.campaign} &> {log}"
