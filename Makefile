# Each target makes its own .venv: python3 -m venv and pip, or uv where it is there.
# Nothing else is needed on the machine than Python 3.11 or newer, git and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROUNDS ?= 1000

.PHONY: demo test stress crash check format bench clean

demo: $(VENV)/.installed
	$(BIN)/azjobs demo

test: $(VENV)/.installed-test
	$(BIN)/pytest

stress: $(VENV)/.installed-test
	$(BIN)/pytest -m stress -n 0

# As many rounds as ROUNDS says; KILLS repeats one round: make crash KILLS='daemon/store.sqlite:SqliteStore.commit/before/3'
crash: $(VENV)/.installed-test
	AZJOBS_CRASH_ROUNDS=$(ROUNDS) AZJOBS_CRASH_KILLS='$(KILLS)' $(BIN)/pytest -m crash tests/crash

check: $(VENV)/.installed-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.installed-check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-test
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "azjobs needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@if command -v uv >/dev/null; then uv venv -q --python $(PYTHON) $(VENV); else $(PYTHON) -m venv $(VENV); fi

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@scripts/install -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/bin/python
	@scripts/install -e . --group test
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-check: pyproject.toml | $(VENV)/bin/python
	@scripts/install -e . --group check
	@touch $@ $(VENV)/.installed $(VENV)/.installed-test
