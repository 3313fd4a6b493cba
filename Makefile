# Every target sets up what it needs: Debian (or any Linux) with Python 3.11, pip and make is enough.
# What is installed lives in .venv; the local model in the user's cache (OUTCROP_MODELS).

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.NOTPARALLEL:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODEL := smollm2-135m-instruct

# Debian's packages beyond Python: libgomp1, which the local model's runtime links; and git, since the
# tests check the tracked files.
APT_RUN := libgomp1
APT_TEST := git

# pytest takes more arguments from here: make test ARGS="tests/slt -x"
ARGS ?=

# How many processes share the tests of make check. A module's tests are run by one of them.
WORKERS ?= 2

# The differential fuzzer's: how many queries, and where the numbers of its random data begin.
CASES ?= 20000
SEED ?= 0

# The soak's: how often processes are killed, and how many calls are simulated. It takes SEED= as well.
KILLS ?= 2000
CALLS ?= 1000000

# How often each data set of the sampling estimates is run.
RUNS ?= 100

# $(call pip,what is said,arguments): pip writes to a log, of which the end is shown if pip fails.
define pip
	@echo "$(1)"
	@$(BIN)/python -m pip install --disable-pip-version-check $(2) >$(VENV)/pip.log 2>&1 \
	  || { echo "pip failed; the end of $(VENV)/pip.log:" >&2; tail -n 40 $(VENV)/pip.log >&2; exit 1; }
endef

.PHONY: help demo test check fuzz soak docs lint format bench clean run-packages test-packages models

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: run-packages models ## Walk through the demo on a local model, in this machine alone
	@$(BIN)/outcrop demo

test: $(BIN)/.dev run-packages test-packages models ## Run all tests; ARGS= goes to pytest
	@$(BIN)/python -m pytest $(ARGS)

check: lint ## Format, lint, types, import contracts, then all tests: what CI runs
	@$(MAKE) test ARGS="--numprocesses $(WORKERS) --dist loadscope $(ARGS)"

bench: $(BIN)/.dev run-packages models ## Print the benchmark tables
	@$(BIN)/python -m benchmarks

fuzz: $(BIN)/.dev ## Compare random queries with plain SQL for long; CASES= and SEED= choose them
	@OUTCROP_FUZZ_CASES=$(CASES) OUTCROP_FUZZ_SEED=$(SEED) \
	  $(BIN)/python -m pytest tests/properties/test_planner_differential.py --timeout 0 \
	  --log-cli-level INFO $(ARGS)

soak: $(BIN)/.dev ## Kill processes at KILLS= random points, and simulate CALLS= calls, from SEED= on
	@OUTCROP_SOAK_KILLS=$(KILLS) OUTCROP_SOAK_CALLS=$(CALLS) OUTCROP_SOAK_SEED=$(SEED) \
	  $(BIN)/python -m pytest tests/durability/kills tests/simulation $(ARGS)

docs: $(BIN)/.dev ## Write the pages of the reference that a run makes
	@$(BIN)/python -m tests.shapes
	@$(BIN)/python -m tests.faults

coverage: $(BIN)/.dev ## Say how often the bounds of EXPLAIN (SAMPLE 50) hold, of RUNS= runs of each data set
	@OUTCROP_SAMPLE_RUNS=$(RUNS) \
	  $(BIN)/python -m pytest tests/properties/test_explain_sample.py --timeout 0 $(ARGS)

lint: $(BIN)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --strict tests/typing/api.py
	$(BIN)/pyright tests/typing/api.py
	$(BIN)/lint-imports --no-logo

format: $(BIN)/.dev ## Format the code, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove what make made (not the model)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian splits ensurepip off Python, so the pip that is there fills the new environment.
# --group needs pip 25.1.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Outcrop needs Python 3.11 or later: make PYTHON=python3.11 ..." >&2; exit 1; }
	@echo "Making the virtual environment $(VENV)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv --without-pip $(VENV)
	@$(PYTHON) -m pip --disable-pip-version-check --python $@ install 'pip>=25.1' >$(VENV)/pip.log 2>&1 \
	  || { tail -n 40 $(VENV)/pip.log >&2; rm -rf $(VENV); exit 1; }

# Stamps: pip runs again only after a change of pyproject.toml.
$(BIN)/.installed: pyproject.toml | $(BIN)/python
	$(call pip,Installing Outcrop and what it needs,--editable '.[all]')
	@touch $@

$(BIN)/.dev: $(BIN)/.installed
	$(call pip,Installing what the tests need,--group dev)
	@touch $@

# The second run fetches nothing: the model is there, and its sha256 is right.
models: $(BIN)/.installed
	@$(BIN)/outcrop models pull $(MODEL)

# Installs only what is missing. Without root, it says what to install.
run-packages: APT_PACKAGES := $(APT_RUN)
test-packages: APT_PACKAGES := $(APT_TEST)
run-packages test-packages: $(BIN)/python
	@command -v dpkg-query >/dev/null || exit 0; \
	missing=""; for package in $(APT_PACKAGES); do \
	  dpkg-query --show --showformat='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' \
	    || command -v $$package >/dev/null || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	  echo "These packages of the system are needed:$$missing" >&2; exit 1; fi; \
	echo "Installing$$missing"; \
	export DEBIAN_FRONTEND=noninteractive; \
	{ apt-get update && apt-get install --yes --no-install-recommends $$missing; } >$(VENV)/apt.log 2>&1 \
	  || { tail -n 20 $(VENV)/apt.log >&2; exit 1; }
