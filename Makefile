# Everything a person runs. Each target works on a fresh machine with Python 3.11+ and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
BROWSER := $(VENV)/.browser

.PHONY: help demo test test-slow test-browser bench lint clean
help:
	@echo "make demo       install, run the main job on a small corpus, say what it found"
	@echo "make test       install, run the tests"
	@echo "make test-slow  also the tests that take longer"
	@echo "make test-browser  the notebooks in a real JupyterLab and Chromium"
	@echo "make bench      measure speed and memory (tests/bench/README.md)"
	@echo "make lint       ruff"

$(STAMP): pyproject.toml workbench/engine/_repeats.c
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

demo: $(STAMP)
	$(BIN)/python -m workbench demo --out demo

test: $(STAMP)
	$(BIN)/python -m pytest

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m 'slow or not slow' --hypothesis-profile exploring

# Chromium comes from the system's packages; its own downloads are not used. It is looked for every time: an environment
# may be kept from another machine.
.PHONY: chromium
chromium:
	@if [ -z "$$CHROMIUM" ] && ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null; then \
	  export DEBIAN_FRONTEND=noninteractive; root=; [ "$$(id -u)" = 0 ] || root="sudo -n -E"; \
	  $$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends chromium >/dev/null \
	  || { echo "Chromium cannot be installed: install it yourself, or name it in CHROMIUM" >&2; exit 1; }; fi

$(BROWSER): $(STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[test,browser]'
	@touch $@

test-browser: $(BROWSER) chromium
	$(BIN)/python -m pytest -m browser

bench: $(STAMP)
	$(BIN)/python -m tests.bench

lint: $(STAMP)
	$(BIN)/python -m pip install --quiet ruff
	$(BIN)/ruff check workbench tests

clean:
	rm -rf $(VENV) demo build dist *.egg-info .pytest_cache .hypothesis
