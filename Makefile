# One command for each thing one does here; each makes the environment it needs first, if it is not there.
# Another Python than python3: make PYTHON=python3.12 test. Some of the tests: make test ARGS="-k click".

SHELL := /bin/bash
PYTHON ?= python3
ARGS ?=
export PYTHON
# The builder of the docs has news of its own to tell; it is no fault of the pages.
export NO_MKDOCS_2_WARNING := 1

bin := .venv/bin
step := scripts/step
tidy := .venv .venv-compat .venv-meta build demo-output dist htmlcov site \
	.benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

.DEFAULT_GOAL := help
.PHONY: help setup setup-sam3 setup-meta demo test test-compat check bench docs format clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make the environment .venv, and nothing else
	@scripts/setup

setup-sam3: ## the same with what SAM3 needs: torch and transformers, 5 GB on Linux
	@scripts/setup sam3

setup-meta: setup-sam3 ## make the environment .venv-meta: the same with Meta's own package, whose demands are narrow
	@scripts/setup-in-front meta

demo: setup ## open napari and point at objects in six ways on three pictures; without a screen, on a virtual one
	@$(step) "Running the demo" scripts/on-screen $(bin)/napari-sam3-assistant demo $(ARGS)
	@echo "==> The demo is done; its masks and screenshots are in demo-output/."

test: setup-meta ## run the tests, and some of them with the oldest napari and the other Qt binding; with ARGS, those only
	@$(step) "Running the tests" scripts/run-tests $(ARGS)
	@$(if $(ARGS),,$(MAKE) --no-print-directory test-compat)
	@echo "==> All tests passed."

test-compat: setup-sam3 ## run the tests that meet napari and Qt with the oldest napari and the other Qt binding
	@scripts/setup-in-front compat
	@$(step) "Running tests with the oldest napari and PySide6" scripts/run-compat $(ARGS)

check: setup-sam3 ## look for faults without running anything: style, types, imports, lengths, manifest, docs
	@$(step) "Looking for faults (ruff check)" $(bin)/ruff check --quiet .
	@$(step) "Looking at the layout of the code (ruff format)" $(bin)/ruff format --check --quiet .
	@$(step) "Checking the types (mypy)" $(bin)/mypy
	@$(step) "Checking that imports point down (import-linter)" $(bin)/lint-imports --no-logo
	@$(step) "Checking that no module passes 400 lines" $(bin)/python scripts/check_lengths.py
	@$(step) "Checking the manifest (npe2)" $(bin)/npe2 validate napari-sam3-assistant
	@$(step) "Checking the options on the page of the shell" $(bin)/python scripts/cli_reference.py --check
	@$(step) "Checking the links of all pages" $(bin)/python scripts/links.py
	@$(step) "Building the docs (mkdocs)" $(bin)/mkdocs build --strict --quiet
	@echo "==> No faults found."

bench: setup-sam3 ## measure what a user waits for
	@$(step) "Measuring" scripts/on-screen $(bin)/python -m benchmarks $(ARGS)
	@echo "==> All is measured; the table is above."

docs: setup ## build the docs into site/
	@$(step) "Building the docs (mkdocs)" $(bin)/mkdocs build --strict --quiet
	@echo "==> The docs are built: open site/index.html."

format: setup ## lay out the code, and mend what can be mended by itself
	@$(step) "Mending what can be mended (ruff check)" $(bin)/ruff check --fix $(ARGS) .
	@$(step) "Laying out the code (ruff format)" $(bin)/ruff format .
	@echo "==> The code is laid out."

clean: ## remove all that these commands have made, .venv and demo-output too
	@rm -rf $(tidy)
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "==> Everything that was made is removed."
