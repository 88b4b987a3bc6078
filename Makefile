PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

TOOLS := build/tools
COMPILE = $(BIN)/pip-compile -q --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url \
	--no-emit-find-links --no-emit-trusted-host --no-header

.PHONY: run test test-all bench fuzz soak lint format lock clean dist tools audit

run: $(STAMP)  ## show the main job end to end on this machine
	$(BIN)/spapi-router demo

# Tests wait for conditions, with a limit. On a machine that others use too one may run out of it: it has a second chance,
# which no other failure has.
AGAIN := --reruns 1 --only-rerun TimeoutError

test: lint  ## static checks and the test suite (under 10 minutes)
	$(BIN)/pytest -n auto -m "not slow" $(AGAIN)

test-all: lint  ## everything, slow suites included
	$(BIN)/pytest -n auto -m "not slow" $(AGAIN)
	$(BIN)/pytest -m slow --timeout 3600

bench: $(STAMP)  ## benchmarks against their stated peers
	$(BIN)/python -m bench

SECONDS ?= 60
fuzz: $(STAMP)  ## fuzz each target for SECONDS; guided by coverage where atheris can be installed
	-$(BIN)/pip install -q --require-hashes -r tests/fuzz/requirements.txt
	nice $(BIN)/python -m tests.fuzz --seconds $(SECONDS)

MINUTES ?= 30
soak: $(STAMP)  ## a steady rate with faults for MINUTES; its plot goes into docs/images
	nice $(BIN)/python -m tests.soak --minutes $(MINUTES) --plot docs/images/soak.png

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dist: $(STAMP) $(TOOLS)/.installed  ## wheel, sdist, .deb, manual pages and SBOM, in dist/
	rm -rf dist
	$(TOOLS)/bin/python -m build --no-isolation --outdir dist .
	$(BIN)/python packaging/man_page.py dist/man
	$(BIN)/python packaging/build_deb.py --wheel dist/*.whl --output dist
	$(TOOLS)/bin/python packaging/sbom.py --output dist
	ls -l dist

tools: $(TOOLS)/.installed  ## what `make dist` and `make audit` work with, in an environment of its own

audit: tools  ## known vulnerabilities of what is installed with the program; says so without a network
	$(TOOLS)/bin/python packaging/audit.py packaging/runtime.lock

lock:  ## write the lock files anew: of everything, of what is installed with the program, of the tools of `make dist`
	$(BIN)/pip install -q pip-tools
	$(COMPILE) --all-extras -o requirements.lock pyproject.toml
	$(COMPILE) -c requirements.lock -o packaging/runtime.lock pyproject.toml
	$(COMPILE) -o packaging/tools.lock packaging/tools.in

$(TOOLS)/.installed: packaging/tools.lock
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install -q --require-hashes -r packaging/tools.lock
	touch $@

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "spapi-router needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --require-hashes -r requirements.lock
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	touch $(STAMP)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis
