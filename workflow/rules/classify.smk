# Taxa: a model, trained where a learning set is given, and its scores of every object.
if PLAN.config.simulate.learning_set and PLAN.learning_set:

    rule learning_set:
        input:
            PLAN.learning_set_inputs,
        output:
            directory(PLAN.learning_set),
        log:
            f"{LOGS}/learning-set.log",
        benchmark:
            f"{LOGS}/learning-set.tsv"
        conda:
            "../../envs/cpu.yaml"
        threads: 1
        resources:
            mem_mb=SITE.mem_mb(lambda wildcards, attempt: 4000 * attempt),
            runtime=SITE.minutes(lambda wildcards, attempt: 30 * attempt),
        params:
            settings=PLAN.learning_set_options,
        message:
            "Draw a learning set"
        shell:
            "seston learning-set {output} {params.settings} &> {log}"


if PLAN.learning_set:

    rule train:
        input:
            PLAN.learning_set,
        output:
            directory(PLAN.model),
        log:
            f"{LOGS}/train.log",
        benchmark:
            f"{LOGS}/train.tsv"
        conda:
            ENVIRONMENT
        threads: 4
        resources:
            mem_mb=SITE.mem_mb(lambda wildcards, attempt: 8000 * attempt, gpus=GPUS),
            runtime=SITE.minutes(lambda wildcards, attempt: 120 * attempt, gpus=GPUS),
            gpu=GPUS,
            gpu_model=SITE.gpu_model if GPUS else None,
        params:
            depends_on=PLAN.model_depends_on(),
        message:
            "Train a classifier from {input}"
        shell:
            "seston train &> {log}"


if PLAN.network:

    rule train_semantic:
        input:
            PLAN.network_inputs,
        output:
            directory(PLAN.network),
        log:
            f"{LOGS}/train-semantic.log",
        benchmark:
            f"{LOGS}/train-semantic.tsv"
        conda:
            NETWORK_ENVIRONMENT
        threads: 4
        resources:
            mem_mb=SITE.mem_mb(
                lambda wildcards, attempt: 8000 * attempt, gpus=NETWORK_GPUS
            ),
            runtime=SITE.minutes(
                lambda wildcards, attempt: 240 * attempt, gpus=NETWORK_GPUS
            ),
            gpu=NETWORK_GPUS,
            gpu_model=SITE.gpu_model if NETWORK_GPUS else None,
        params:
            depends_on=PLAN.network_depends_on(),
        message:
            "Train a network that finds and names objects at once"
        shell:
            "seston train-semantic &> {log}"


if PLAN.filter:

    rule train_filter:
        input:
            PLAN.filter_inputs,
        output:
            directory(PLAN.filter),
        log:
            f"{LOGS}/train-filter.log",
        benchmark:
            f"{LOGS}/train-filter.tsv"
        conda:
            "../../envs/cpu.yaml"
        threads: 1
        resources:
            mem_mb=SITE.mem_mb(lambda wildcards, attempt: 4000 * attempt),
            runtime=SITE.minutes(lambda wildcards, attempt: 60 * attempt),
        params:
            depends_on=PLAN.filter_depends_on(),
        message:
            "Train a filter of measured objects"
        shell:
            "seston train-filter &> {log}"


# Before more is segmented: cores are at work while the file system is busy with reading.
rule classify:
    input:
        objects=f"{RESULTS}/{{campaign}}/blocks/{{block}}/segment.json",
        model=lambda wildcards: PLAN.classifier_of(wildcards.campaign),
    output:
        f"{RESULTS}/{{campaign}}/blocks/{{block}}/classify.json",
    log:
        f"{LOGS}/{{campaign}}/classify/{{block}}.log",
    benchmark:
        f"{LOGS}/{{campaign}}/classify/{{block}}.tsv"
    priority: 1
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=SITE.mem_mb(
            lambda wildcards, threads, attempt: budget.classify_mb(
                threads, gpus("classify")(wildcards), attempt
            ),
            gpus=gpus("classify"),
        ),
        runtime=SITE.minutes(
            lambda wildcards, threads, attempt: budget.classify_minutes(
                PLAN.work_of(wildcards.campaign, wildcards.block),
                threads,
                gpus("classify")(wildcards),
                attempt,
            ),
            gpus=gpus("classify"),
        ),
        gpu=gpus("classify"),
        gpu_model=gpu_model("classify"),
    params:
        depends_on=lambda wildcards: PLAN.scores_depend_on(
            wildcards.campaign, wildcards.block
        ),
    message:
        "Classify {wildcards.campaign}, block {wildcards.block}"
    shell:
        "seston classify {wildcards.campaign} {wildcards.block} "
        f"--cores {{threads}} --memory {{resources.mem_mb}} {LIMIT}&> {{log}}"
