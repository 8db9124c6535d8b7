# Everything a newcomer needs: `make demo`, `make test`. Both need Python 3.11 and make, and nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
WHEEL_INPUTS := pyproject.toml constraints.txt
# A file's tests stay together, since they share what is costly to make; files start in the order of their folders.
PYTEST := $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -p no:cacheprovider

.PHONY: demo test test-long lint coverage clean .venv
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	$(BIN)/cellwright run examples/pegboard.yaml

test: lint
	$(PYTEST)

test-long: $(VENV)/.full
	$(PYTEST) -m long

lint: $(VENV)/.full
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

coverage: $(VENV)/.full
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -p no:cacheprovider
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -rf .coverage .coverage.* htmlcov
	find . -name __pycache__ -prune -exec rm -rf {} +

# The environment with everything in it, for development.
.venv: $(VENV)/.full

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python is missing: install Python 3.11 (Debian: apt-get install python3.11-venv)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "$(PYTHON) is not Python 3.11, which PyBullet's wheels need: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "python -m venv failed (Debian: apt-get install python3-venv)" >&2; exit 1; }

# Stamps: an installation is repeated only after pyproject.toml or constraints.txt have changed.
$(VENV)/.demo: $(WHEEL_INPUTS) | $(BIN)/python
	@echo "Installing what the demo needs into $(VENV) ..."
	@$(PIP) install -c constraints.txt -e '.[sim,passport]'
	@touch $@

$(VENV)/.full: $(WHEEL_INPUTS) | $(BIN)/python
	@echo "Installing the full environment into $(VENV) ..."
	@$(PIP) install -c constraints.txt -e '.[sim,passport,rtb,llm,train,zoo,ros,dev]'
	@touch $@ $(VENV)/.demo
