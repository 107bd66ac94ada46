# `make` alone lists what there is. Everything runs in $(VENV), which the first target that needs it makes; what is
# installed already is not installed again unless pyproject.toml has changed. To start afresh: rm -r $(VENV)

PYTHON ?= python3
VENV ?= .venv
# The arguments of `pip install` for torch: TORCH names it (a version, a wheel), TORCH_ARGS says where it comes from, such
# as an index that holds the CPU builds, which are much smaller.
TORCH ?= torch==2.13.0
TORCH_ARGS ?=
PYTEST_ARGS ?= -n 2 --dist loadfile
DEMO ?= $(BIN)/python examples/demo.py
# `--quick`, or names of benchmarks.
BENCH ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help demo test lint types bench docs tables clean
.NOTPARALLEL: # two pips in one environment would tread on each other

help: ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 8

demo: $(VENV)/.with-core ## trains, adapts and tags on the open corpus
	@$(DEMO)

test: $(VENV)/.with-test ## the tests; what is not installed is skipped, with its reason (PYTEST_ARGS=... for others)
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.with-dev ## ruff: style, and whether the code is formatted
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(VENV)/.with-dev ## pyright in strict mode
	@$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(VENV)/.with-test ## what claims about speed are measured with
	@$(BIN)/python benchmarks/run.py $(BENCH)

docs: $(VENV)/.with-docs ## the documentation, to docs/_build/html/index.html
	@$(BIN)/python -m sphinx -q -W --keep-going docs docs/_build/html
	@echo "docs/_build/html/index.html"

tables: $(VENV)/.with-test ## the tables and figures in README and docs, from results/
	@$(BIN)/python -c "from glob import glob; from salin.experiments import fill_documents; \
	    print('%d tables and %d figures' % fill_documents(['README.md', *sorted(glob('docs/**/*.md', recursive=True))]))"
	@$(BIN)/python benchmarks/table.py --fill docs/reference/benchmarks.md

clean: ## removes caches and what was built; the environment and runs/ stay
	@rm -rf build dist docs/_build .pytest_cache .ruff_cache .hypothesis
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# torch first and by itself, so that no other package chooses another build of it.
$(VENV)/.with-torch:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "salin needs Python 3.11 or later; name one: make PYTHON=python3.11 ..."; exit 1; }
	@echo "Making $(VENV) and installing $(TORCH) $(TORCH_ARGS): the largest download, once"
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv is missing (Debian: apt-get install python3-venv)"; exit 1; }
	@$(PIP) $(TORCH) $(TORCH_ARGS)
	@touch $@

# Each of these installs salin with one extra, in one call of pip, and notes what came with it.
$(VENV)/.with-core: $(VENV)/.with-torch pyproject.toml
	@echo "Installing salin and what it needs"
	@$(PIP) -e .
	@touch $@

$(VENV)/.with-test: $(VENV)/.with-torch pyproject.toml
	@echo "Installing salin, what it needs, and what the tests need"
	@$(PIP) -e ".[test]"
	@touch $(VENV)/.with-core $@

$(VENV)/.with-dev: $(VENV)/.with-torch pyproject.toml
	@echo "Installing salin, what it needs, what the tests need, the linter and the type checker"
	@$(PIP) -e ".[dev]"
	@touch $(VENV)/.with-core $(VENV)/.with-test $@

$(VENV)/.with-docs: $(VENV)/.with-torch pyproject.toml
	@echo "Installing salin, what it needs, and what builds the documentation"
	@$(PIP) -e ".[docs]"
	@touch $(VENV)/.with-core $@
