# Sets Carpus up in .venv, once, and runs it. `make demo` is the place to begin; `make demo FROM=DIR` for your radiographs.

# The first Python of these that runs and is 3.11 or 3.12; override by `make PYTHON=/path/to/python3.11`.
PYTHON = $(shell for python in python3.11 python3.12 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null \
	&& command -v $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --progress-bar on --disable-pip-version-check
FROM ?=
# A command after this ends, in order, when make is killed; it must stay so simple that make needs no shell to start it.
WITH_MAKE := $(BIN)/python -I -S carpus/launch.py - SIGTERM - -
COMPILE := $(BIN)/uv pip compile pyproject.toml --extra build --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links

.PHONY: demo up doctor test faults fuzz peers refresh recipes comparison lint format bench audit sbom locks clean

demo: export CARPUS_DEMO_FROM = $(FROM)
demo: $(INSTALLED)
	@$(WITH_MAKE) $(BIN)/carpus demo

up: $(INSTALLED)
	@$(WITH_MAKE) $(BIN)/carpus up

doctor: $(INSTALLED)
	@$(BIN)/carpus doctor

# By two processes, each with servers of its own and whole files of tests: many of these wait more than they work.
test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(TESTS)

# Every fault at default settings, two and a half hours or so; then the table in the README is written anew.
faults: $(INSTALLED)
	rm -rf .faults
	FAULTS=long $(BIN)/python -m pytest --capture=no --verbose tests/faults tests/way/test_outages.py tests/worker/test_stop.py
	$(BIN)/python -m tests.faults.table

# Needs Debian's orthanc, dcmtk and dicom3tools.
peers: export MUST_HAVE_PEERS = 1
peers: $(INSTALLED)
	$(BIN)/python -m pytest tests/peers

# The starter learns another standard from 1,200 drawn hands while the whole stack is at work; and a refresh that is ended at
# each of its points. Ten minutes or so.
refresh: $(INSTALLED)
	REFRESH=long $(BIN)/python -m pytest --capture=no tests/way/test_refresh_whole.py tests/training/test_refresh.py

# Every recipe at full size, weights left out, a few steps on a few drawn hands, and its bundle asked: a quarter of an hour or so.
recipes: $(INSTALLED)
	RECIPES=full $(BIN)/python -m pytest --timeout 3600 tests/training/test_recipes.py

# Every recipe fitted small, on the same drawn hands: two hours or so, goes on when interrupted. Writes docs/comparison.*
comparison: $(INSTALLED)
	$(BIN)/python -m training survey

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(INSTALLED)
	@$(WITH_MAKE) $(BIN)/python -m tests.bench

# Needs a vulnerability service: PyPI's, or another by AUDIT="-s osv". Ends with 3 where it audited nothing, which
# AUDIT=--if-reachable lets pass.
audit: $(INSTALLED)
	$(BIN)/python .ci/audit.py --requirement locks/all.txt --requirement locks/gpu.txt $(AUDIT)

# The packages in .venv, what develops Carpus included, with versions and licences, as CycloneDX.
sbom: $(INSTALLED)
	$(BIN)/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --mc-type application --output-reproducible --output-file carpus.cdx.json

# 100,000 damaged objects and conversations, the same each time; FUZZ_SEED=n for others. What breaks a rule is kept.
FUZZ_READING ?= 90000
FUZZ_WIRE ?= 10000
fuzz: $(INSTALLED)
	@mkdir -p .fuzz
	FUZZ_READING=$(FUZZ_READING) FUZZ_WIRE=$(FUZZ_WIRE) FUZZ_KEPT=.fuzz $(BIN)/python -m pytest -s tests/fuzz

# A lock holds for Python 3.11 and 3.12 alike. It names versions and hashes, and no index.
locks: $(INSTALLED)
	$(COMPILE) --output-file locks/base.txt
	$(COMPILE) --extra cpu --output-file locks/cpu.txt
	$(COMPILE) --extra tensorflow --extra training --output-file locks/training.txt
	$(COMPILE) --extra gpu --extra training --output-file locks/gpu.txt
	$(COMPILE) --extra tensorflow --extra training --extra embedded --extra jpeg12 --extra dev --output-file locks/all.txt

# Not .carpus: it holds the database and the radiographs of `carpus up`.
clean:
	rm -rf $(VENV) .bench .faults .fuzz .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info

$(INSTALLED): locks/all.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "carpus needs Python 3.11 or 3.12 with venv and pip (on Debian: python3.11-venv);" \
		"none was found. Name one by: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "setting Carpus up in $(VENV), once: two or three minutes and 3 GB"
	$(WITH_MAKE) $(PIP) --require-hashes --requirement locks/all.txt
	$(WITH_MAKE) $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
