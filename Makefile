# `make demo` and `make test` do all the set-up they need; uv is used where it is there.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
DB ?= sqlite:///wirecopy.db

ifeq ($(UV),)
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
create = $(PYTHON) -m venv $(VENV)
else
install = uv pip install --quiet --python $(BIN)/python --constraint constraints.txt
create = uv venv --quiet --python $(PYTHON) $(VENV)
endif

.PHONY: demo test check format clean help

help:
	@echo "make demo    run the sample in seeds/ and look at the result"
	@echo "make test    all tests (ARGS='-k name' for some)"
	@echo "make check   linters, types, import contracts"
	@echo "make format  formats the code"
	@echo "make clean   removes the environment, caches and the demo's database"

$(BIN)/python:
	$(create)

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	$(install) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(install) --editable '.[dev]'
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run
	@WIRECOPY_DATABASE_URL=$(DB) VENV=$(VENV) sh docs/demo.sh

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis wirecopy.db*
