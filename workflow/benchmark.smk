# How deep is enough? One job for each cell of a grid, beside the workflow of campaigns:
# snakemake -s workflow/benchmark.smk --config grid=full isiis=FOLDER zooscan=FOLDER uvp6=FOLDER
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from seston.errors import SestonError
from seston.stages.benchmark import cell_files, grid_of

GRID = config.get("grid", "quick")
OUT = Path(config.get("out", "results/benchmark"))
PRICE = [f"--hourly-price={config['hourly_price']}"] if "hourly_price" in config else []
OTHERS = {"grid", "out", "gpus", "hourly_price"}
DATA = [f"{k}={v}" for k, v in config.items() if k not in OTHERS]
WHERE = [f"--data={text}" for text in DATA]
ENVIRONMENT = f"../envs/{'gpu' if config.get('gpus') else 'cpu'}.yaml"

try:
    CELLS = cell_files(grid_of(GRID, DATA), OUT)
except SestonError as error:
    raise WorkflowError(str(error)) from None

shell.prefix(f'set -euo pipefail; export PATH="{Path(sys.executable).parent}:$PATH"; ')


localrules:
    all,


rule all:
    default_target: True
    input:
        f"{OUT}/table.md",


rule cell:
    input:
        lambda wildcards: CELLS[f"{OUT}/cells/{wildcards.cell}.json"],
    output:
        f"{OUT}/cells/{{cell}}.json",
    log:
        "logs/benchmark/{cell}.log",
    benchmark:
        "logs/benchmark/{cell}.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=int(config.get("gpus", 0)),
    params:
        grid=GRID,
        where=WHERE,
        out=OUT,
    message:
        "Cell {wildcards.cell}"
    shell:
        "seston benchmark {params.grid:q} {params.where:q} --out {params.out:q} --cell {wildcards.cell} &> {log}"


rule table:
    input:
        list(CELLS),
    output:
        f"{OUT}/table.md",
    log:
        "logs/benchmark/table.log",
    benchmark:
        "logs/benchmark/table.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        grid=GRID,
        where=WHERE,
        out=OUT,
        price=PRICE,
    message:
        "Tables of the grid"
    shell:
        "seston benchmark {params.grid:q} {params.where:q} {params.price:q} --out {params.out:q} &> {log}"
