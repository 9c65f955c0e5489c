# What a person does here. Everything happens in .venv; nothing is installed elsewhere.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help install demo test lint format types bench up down clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version + ". Try: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || { echo "Making .venv"; $(PYTHON) -m venv .venv; } || { echo "Could not make .venv; on Debian install the package python3-venv."; exit 1; }
	@echo "Installing (the first time about 400 MB of wheels are downloaded)"
	@$(BIN)/python -m pip install --disable-pip-version-check -q --progress-bar on -c constraints.txt -e '.[dev]' || { echo "Could not install; is there a network, is a proxy set?"; exit 1; }
	@touch $@

install: $(INSTALLED) ## make .venv with everything in it

demo: $(INSTALLED) ## start the local stack, export a million CDRs, stay up until Ctrl-C
	@$(BIN)/cdr-exports demo

test: $(INSTALLED) ## run all tests on the real parts of the local stack
	@$(BIN)/python -m pytest

lint: $(INSTALLED) ## check style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(INSTALLED) ## put the code into shape
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: $(INSTALLED) ## measure the speed of an export (tests/bench/README.md)
	@$(BIN)/python -m tests.bench.export_speed

up: $(INSTALLED) ## start the local stack in the background
	@$(BIN)/cdr-exports local up --detach

down: $(INSTALLED) ## stop it
	@$(BIN)/cdr-exports local down

clean: ## remove .venv and the local stack's data
	@test ! -x $(BIN)/cdr-exports || $(BIN)/cdr-exports local down --purge 2>/dev/null || true
	@rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache .hypothesis
