# Everything here works in a virtual environment of its own and installs nothing outside it.
# Another Python: make test PYTHON=python3.13   (it gets a virtual environment of its own, .venv-python3.13)

MINIMUM := 3.11
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

ifdef PYTHON
VENV ?= .venv-$(notdir $(PYTHON))
else
PYTHON := $(or $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done),python3)
VENV ?= .venv
endif

BIN := $(VENV)/bin
READY := $(VENV)/.ready-to-run
READY_DEV := $(VENV)/.ready-to-test

# A virtual environment whose Python is gone (an upgrade of the system) is made anew.
$(shell [ ! -e $(READY) ] || $(BIN)/python -c 'import gameday' 2>/dev/null || rm -f $(READY) $(READY_DEV))

.PHONY: help
help: ## Show this
	@echo 'gameday: a chaos and game-day toolkit. Targets:'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F '|' '{ printf "%-18s %s\n", $$1, $$2 }'

.PHONY: demo
demo: $(READY) ## Start a small shop on an embedded cluster, and run a whole game day on it (about a minute)
	@$(BIN)/gameday demo

.PHONY: test
test: lint ## Check everything: style, types, import contracts, and all tests
	@echo '==> tests'
	@$(BIN)/pytest -m 'not soak and not crash and not cluster and not experiments' -n 2 --dist loadfile --durations=15

.PHONY: test-unit
test-unit: $(READY_DEV) ## Run only the tests that start no cluster
	@$(BIN)/pytest -m 'not soak and not crash and not e2e and not cluster and not experiments' --durations=10

.PHONY: test-experiments
test-experiments: $(READY_DEV) ## Run every experiment in every setting on the embedded cluster, and prove every runbook (ten minutes)
	@$(BIN)/pytest -m experiments -n 2 --dist load --durations=5

.PHONY: test-soak
test-soak: $(READY_DEV) ## Run the long tests: the demo's steady state fifty times, without a fault
	@$(BIN)/pytest -m soak --durations=5

.PHONY: test-crash
test-crash: $(READY_DEV) ## Kill runs at every point, and random plans anywhere: about an hour; writes tests/crash/RESULT.json
	@$(BIN)/pytest -m crash --durations=5

.PHONY: test-cluster
test-cluster: $(READY_DEV) ## Run everything on a real Kubernetes: one of this machine's own (root), or any: KUBECONFIG=…; RESULT=FILE
	@# Only from this command line: whoever has exported one has not asked for shops and faults there.
	@GAMEDAY_TEST_KUBECONFIG='$(if $(filter command,$(origin KUBECONFIG)),$(KUBECONFIG))' GAMEDAY_TEST_RESULT='$(RESULT)' \
		$(BIN)/pytest tests/cluster -m cluster --durations=10

.PHONY: cluster-up
cluster-up: $(READY_DEV) ## Bring up a real Kubernetes on this machine, built from source the first time; prints KUBECONFIG=…
	@$(BIN)/python -m tests.cluster up

.PHONY: cluster-down
cluster-down: $(READY_DEV) ## Take it down again, also after a crash
	@$(BIN)/python -m tests.cluster down

.PHONY: test-conformance
test-conformance: $(READY_DEV) ## Hold a cluster to what Kubernetes does: the embedded one, or KUBECONFIG=FILE; RESULT=FILE keeps the result
	@$(BIN)/pytest tests/conformance $(if $(findstring command,$(origin KUBECONFIG)),--kubeconfig $(KUBECONFIG)) $(if $(RESULT),--result $(RESULT)) --durations=5

.PHONY: trace
trace: $(READY_DEV) ## Write down again what gameday requests of a cluster: tests/conformance/trace.json (some minutes)
	@$(BIN)/python -m tests.conformance.tracing

.PHONY: lint
lint: $(READY_DEV) ## Check style, types and import contracts
	@echo '==> ruff'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo '==> mypy'
	@$(BIN)/mypy
	@$(BIN)/mypy tests
	@echo '==> import contracts'
	@$(BIN)/lint-imports --no-logo

.PHONY: bench
bench: $(READY_DEV) ## Measure what docs/benchmarks.md states
	@$(BIN)/python benchmarks

.PHONY: docs
docs: $(READY_DEV) ## Write the pages of docs/ that come from the program itself
	@$(BIN)/python docs/reference.py

.PHONY: dist
dist: $(READY_DEV) ## Build the source distribution and the wheel into dist/
	@$(BIN)/python -m build --no-isolation

.PHONY: clean
clean: ## Remove what was built and cached; the virtual environment stays (rm -r .venv removes it)
	@rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "expected $(PYTHON) to be Python $(MINIMUM) or later, but found: $$($(PYTHON) -V 2>/dev/null || echo none)." >&2; \
		echo 'Install one (Debian, Ubuntu: apt install python3 python3-venv), or name it: make demo PYTHON=python3.12' >&2; \
		exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "$$($(PYTHON) -V) cannot make virtual environments: its venv module is not installed." >&2; \
		echo 'Install it (Debian, Ubuntu: apt install python3-venv, or python3.12-venv for a Python of its own).' >&2; \
		exit 1; }
	@echo "==> $(VENV), a virtual environment with $$($(PYTHON) -V): this takes a minute the first time"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@# Dependency groups need pip 25.1, and a distribution's own is older.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@echo '==> gameday and what it needs'
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(READY_DEV): $(READY)
	@echo '==> what the tests need'
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@
