# Everything that a person or a machine runs here, by name. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Say otherwise on the command line: make test PYTHON=/opt/python3.13/bin/python3 WORKERS=8
PYTHON ?=
CORES ?= all
WORKERS ?= 2

VENV := .venv
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
PYTHONS := $(or $(PYTHON),python3.11 python3.12 python3.13 python3)
# Rules of the workflow call `seston`, so the environment's programs come first.
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"

.PHONY: help demo test test-all test-slurm lint docs bench clean

help: ## list the targets
	@echo "seston: from plankton pictures to knowledge. Targets:"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12 | sed 's/^/  make /'
	@echo "Variables: PYTHON (3.11 or newer), CORES of the demo (all), WORKERS of the tests (2)"

demo: $(STAMP) ## simulate a small ISIIS campaign, run the whole workflow, say where the results are
	$(RUN) snakemake --cores $(CORES)
	@echo
	@echo "The demo campaign is done. Its results:"
	@echo "  results/demo/profiles.zarr   concentration by taxon, time, depth and place, beside the water's properties"
	@echo "  results/demo/objects.zarr    every object with its measures, scores and vignette"
	@echo "  results/demo/report.html     the figures, in one page for a browser"
	@echo "Open them: $(VENV)/bin/python -c \"import xarray as xr; print(xr.open_zarr('results/demo/profiles.zarr'))\""

test: $(STAMP) ## run the tests, without the ones that take minutes
	$(RUN) MPLBACKEND=Agg OMP_NUM_THREADS=1 pytest -n $(WORKERS) --dist loadfile -m "not slow"

test-all: $(STAMP) ## run every test
	$(RUN) MPLBACKEND=Agg OMP_NUM_THREADS=1 pytest -n $(WORKERS) --dist loadfile -m "not slurm"
	$(MAKE) test-slurm

# One after the other: they share one Slurm, which is brought up for them and taken down. The faults
# take half an hour; SLURM_TESTS=tests/slurm/test_slurm.py leaves them out.
SLURM_TESTS = tests/slurm
test-slurm: $(STAMP) ## run the workflow on a real Slurm on this machine, and do harm to it
	$(RUN) MPLBACKEND=Agg OMP_NUM_THREADS=1 pytest -m slurm $(SLURM_TESTS)

lint: $(STAMP) ## check style, types, import floors, spelling, workflow and citation
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) codespell
	$(RUN) pytest -q tests/test_project.py -k citation
	if [ -f Snakefile ]; then $(RUN) snakefmt --check Snakefile workflow; fi
	if [ -f Snakefile ]; then $(RUN) snakemake --lint; fi
	if [ -f workflow/benchmark.smk ]; then $(RUN) snakemake --lint -s workflow/benchmark.smk --config isiis=.; fi

docs: $(DOCS_STAMP) ## build the guide into site/
	$(RUN) mkdocs build --strict

bench: $(STAMP) ## run every benchmark on its small setting
	for program in benchmarks/*.py; do echo "== $$program"; $(RUN) python "$$program" --quick; done

clean: ## remove the environment, caches and built pages; results and data stay
	rm -rf $(VENV) build dist site .coverage .hypothesis .*_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One pip command: a second one could move what the first one chose.
$(STAMP): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install -c constraints.txt -e '.[learn,onnx,publish,whoi,s3,dev]'
	@touch $@

$(DOCS_STAMP): $(STAMP)
	$(VENV)/bin/python -m pip install -c constraints.txt -e '.[learn,onnx,publish,whoi,s3,dev,docs]'
	@touch $@

$(VENV)/bin/python:
	@for python in $(PYTHONS); do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	    echo "Creating $(VENV) with $$python"; \
	    "$$python" -m venv --clear $(VENV) && exit 0; \
	    echo "$$python cannot create an environment: install its venv module (Debian: apt install python3-venv)" >&2; \
	    rm -rf $(VENV); exit 1; \
	done; \
	echo "seston needs Python 3.11 or newer, and none of these is: $(PYTHONS)" >&2; \
	echo "Name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1
