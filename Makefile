# Odyssey: `make` lists the targets. Everything but system packages lives in .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup demo test lint types imports unit bench lock format clean

VENV := .venv
BIN := $(VENV)/bin
LOCK := deploy/requirements.lock
SETUP := bash deploy/setup.sh

# `make setup` runs first, and is quick when there is nothing to do.
CODE := app action tests

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: ## Virtual environment, dependencies, container engine, server, base image
	@$(SETUP)
	@$(BIN)/python -m odyssey.setup

demo: setup ## The main job, narrated: from an issue comment to a merge (ARGS="--keep --json FILE")
	@$(BIN)/odyssey demo $(ARGS)

test: setup ## Lint, types, import contracts and all tests
	@$(SETUP) --checks

lint: ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: ## mypy, strict
	$(BIN)/mypy $(CODE)

imports: ## The import contracts of pyproject.toml
	$(BIN)/lint-imports

unit: ## pytest (ARGS="-k words")
	$(BIN)/pytest $(ARGS)

bench: setup ## The benchmarks (ONLY="intake", JSON=FILE)
	@PYTHONPATH=tests $(BIN)/python -m bench $(ONLY) $(if $(JSON),--json $(JSON))

lock: ## Resolve the dependencies anew into deploy/requirements.lock
	@$(SETUP) --lock

format: ## Sort imports, mend what ruff can mend, format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean: ## Remove what was built here; keeps containers, images and the npm cache
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist build var
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
