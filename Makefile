# Odyssey: `make` lists the targets. Everything but system packages lives in .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup demo test test-long kill-points lint types imports unit bench lock format clean

BIN := .venv/bin
CODE := app action tests
# Run side by side with the rest: both wait most of the time, for containers and for leases.
# The runs of the second are scripted, so that the first has the container engine for itself.
WITH_RUNNERS := tests/action tests/scenarios tests/contract/notebook
WITH_SCRIPTS := tests/schedules tests/kill_points tests/fuzz \
	$(addprefix tests/scenarios/test_,self_healing.py merge_audit.py policy.py)
NOT_HERE = $(patsubst %,--ignore=%,$(1))

# The newest supported Python of this machine that runs; it makes .venv and is asked no more.
PYTHON = $(shell for each in python3.13 python3.12 python3.11 python3; do \
	if $$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then command -v $$each; break; fi; done)

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

setup: ## Virtual environment, dependencies, container engine, base image
	@python="$(PYTHON)"; \
	if [ -z "$$python" ]; then \
		echo "setup: no Python 3.11 or newer here (Debian: apt-get install python3 python3-venv)" >&2; \
		exit 1; \
	fi; \
	PYTHONPATH=app "$$python" -m odyssey.setup.environment
	@$(BIN)/python -m odyssey.setup

demo: setup ## The main job, from an issue comment to a merge (ARGS="--keep --json FILE")
	@$(BIN)/odyssey demo $(ARGS)

test: setup ## Lint, types, import contracts and all tests
	@$(BIN)/python -m odyssey.setup --for-tests
	@summary=""; failed=0; types=$$(mktemp); trap 'kill $$(jobs -p) 2>/dev/null || true; rm -f "$$types"' EXIT; \
	$(MAKE) types >$$types 2>&1 & beside=$$!; \
	for part in lint imports unit types; do \
		echo "== $$part"; started=$$SECONDS; \
		case $$part in types) run="wait $$beside";; *) run="$(MAKE) $$part";; esac; \
		if $$run; then result=passed; else result=FAILED; failed=1; fi; \
		if [ $$part = types ]; then cat $$types; fi; \
		summary+=$$(printf '%-8s %s (%d s)' "$$part" "$$result" $$((SECONDS - started)))$$'\n'; \
	done; \
	echo "== summary"; echo -n "$$summary"; exit $$failed

test-long: setup ## Many random schedules (SCHEDULES=n SEED=s, or REPLAY="a schedule")
	@PYTHONPATH=tests $(BIN)/python -m schedules --schedules $(or $(SCHEDULES),1000) \
		$(if $(SEED),--seed $(SEED)) $(if $(REPLAY),--replay "$(REPLAY)")

kill-points: setup ## Kill workers at every write; renews the table in docs/operations.md
	@PYTHONPATH=tests $(BIN)/python -m kill_points

lint: ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: ## mypy, strict
	@$(BIN)/mypy $(CODE)

imports: ## The import contracts of pyproject.toml
	@$(BIN)/lint-imports

unit: ## pytest, in three parts side by side (ARGS="-k words": in one run)
	@if [ -n "$(ARGS)" ]; then exec $(BIN)/pytest $(ARGS); fi; \
	logs=$$(mktemp -d); trap 'kill $$(jobs -p) 2>/dev/null || true; rm -rf "$$logs"' EXIT; \
	$(BIN)/pytest --durations=9 -o cache_dir=.pytest_cache/runners \
		$(WITH_RUNNERS) $(call NOT_HERE,$(WITH_SCRIPTS)) >$$logs/runners 2>&1 & \
	runners=$$!; \
	$(BIN)/pytest --durations=9 -o cache_dir=.pytest_cache/scripts \
		$(WITH_SCRIPTS) >$$logs/scripts 2>&1 & \
	scripts=$$!; \
	failed=0; \
	$(BIN)/pytest --durations=9 $(call NOT_HERE,$(WITH_RUNNERS) $(WITH_SCRIPTS)) || failed=1; \
	wait $$runners || failed=1; wait $$scripts || failed=1; \
	for part in runners scripts; do echo "== $$part"; cat $$logs/$$part; done; exit $$failed

bench: setup ## The benchmarks (ONLY="intake", JSON=FILE)
	@PYTHONPATH=tests $(BIN)/python -m bench $(ONLY) $(if $(JSON),--json $(JSON))

lock: ## Resolve the dependencies anew into deploy/requirements.lock
	@PYTHONPATH=app $(PYTHON) -m odyssey.setup.environment lock

format: ## Sort imports, mend what ruff can mend, format
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

clean: ## Remove what was made here; var/, containers and images stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
