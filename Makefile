# make demo: try it.  make test: the tests.  make check: everything a change must pass.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE_DIR := tests/node

.PHONY: help demo serve test check lint types contracts schemas spelling node bench clean

help:
	@sed -n 's/^# //p' Makefile

# What is installed: the pins of constraints.txt, and the project itself in place.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=python3.12, say") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/factotum demo $(ARGS)

serve: $(VENV)/.installed
	$(BIN)/factotum serve

test: $(VENV)/.installed-dev node
	$(BIN)/python -m pytest --numprocesses auto $(ARGS)

check: lint types contracts schemas spelling test

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

contracts: $(VENV)/.installed-dev
	$(BIN)/lint-imports
	$(BIN)/deptry gateway

schemas: $(VENV)/.installed-dev
	$(BIN)/factotum schemas --check

spelling: $(VENV)/.installed-dev
	$(BIN)/codespell gateway tests docs benchmarks policies *.md

# The official MCP conformance suite and Inspector, for the tests; skipped where there is no npm.
node: $(NODE_DIR)/node_modules/.installed

$(NODE_DIR)/node_modules/.installed: $(NODE_DIR)/package.json
	@if command -v npm > /dev/null; then \
	  npm install --no-audit --no-fund --no-package-lock --loglevel=error --prefix $(NODE_DIR) && touch $@; \
	else echo "npm is not here: the tests that need it will say that they are skipped"; fi

clean:
	rm -rf $(VENV) $(NODE_DIR)/node_modules .factotum .mypy_cache .ruff_cache .pytest_cache .hypothesis
