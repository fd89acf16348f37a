# `make check` is all that a contributor needs: it sets up its own environment and runs every check.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
HEAVY = .venv-frameworks

.PHONY: check browser format test-frameworks samples clinic clean

check: $(VENV)/ready browser
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/lrdoctor rules --test
	$(BIN)/pytest

# For the tests of the HTML report, which are skipped where there is none. Never a reason to fail.
browser:
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get; then \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium; \
	fi >/dev/null 2>&1 || true
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| echo "No Chromium: the browser tests are skipped. 'apt install chromium' brings one."

format: $(VENV)/ready
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# The real frameworks and loggers: large, and in an environment of their own.
test-frameworks: $(HEAVY)/ready
	$(HEAVY)/bin/pytest -m frameworks tests/frameworks

samples: $(HEAVY)/ready
	$(HEAVY)/bin/python benchmarks/make_samples.py

# The clinic: trainings with measured truth, what is fitted to them, and the scores. Two hours on two cores.
clinic: $(HEAVY)/ready
	$(HEAVY)/bin/python -m benchmarks.clinic train
	$(HEAVY)/bin/python -m benchmarks.clinic weigh --write
	$(HEAVY)/bin/python -m benchmarks.clinic distances --write
	$(HEAVY)/bin/python -m benchmarks.clinic record --write
	$(HEAVY)/bin/python -m benchmarks.clinic score clinic/logs
	$(HEAVY)/bin/python -m benchmarks.clinic cadence clinic/steps
	$(HEAVY)/bin/python -m benchmarks.clinic early clinic/steps
	$(HEAVY)/bin/python -m benchmarks.clinic cure

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

$(HEAVY)/ready: pyproject.toml
	$(PYTHON) -m venv $(HEAVY)
	$(HEAVY)/bin/pip install --quiet --editable '.[frameworks]'
	touch $@

clean:
	rm -rf $(VENV) $(HEAVY) build dist *.egg-info
