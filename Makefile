# The two commands: `make demo` and `make test`. Each sets up all it needs, from a fresh clone.
# A machine needs Python 3.10 or later, and for the tests and the front-end also node with npm.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SHELL := /bin/bash
# The tests start many processes, and each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

# A file's tests stay together, and share a federation and a JupyterLab with others of the same worker; the order stays.
BY_FILE := --dist=loadfile --no-loadscope-reorder
# Two for each processor, four at most: tests with scripted servers wait half of their time, for those that say nothing.
SIDE_BY_SIDE := --numprocesses=$(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 2 ? 2 : 4))) $(BY_FILE)
# No more than there are processors: FLARE's own processes come too late otherwise, in some test or other. Each takes 1.5 GB.
CROWDED := --numprocesses=$(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 5 ? n : 5))) $(BY_FILE)

.PHONY: demo lab docs screenshots test newest-server unit coverage lint lint-js bundle bundle-check browser browser-oldest faults hostile bench old-servers matrix pythons wheel clean help

BUNDLES := flare_widgets/views/static flare_widgets/labextension
SUM_OF_BUNDLES = find $(BUNDLES) -type f | LC_ALL=C sort | xargs cksum | cksum

# An editable install copies the JupyterLab extension once, so `make bundle` copies it again. No links: a Jupyter server
# serves none that lead out of the folder.
EXTENSION := $(VENV)/share/jupyter/labextensions/flare-widgets
COPY_EXTENSION = rm -rf $(EXTENSION) && mkdir -p $(dir $(EXTENSION)) && \
  cp -r flare_widgets/labextension $(EXTENSION) && cp -r flare_widgets/views/static $(EXTENSION)/static/views && \
  cp js/lab-install.json $(EXTENSION)/install.json

MATRIX := 2.7.3 2.8.3 2.9.0
.PRECIOUS: .matrix/%/.ready .matrix/python-%/.ready

PYTHONS := 3.10 3.11 3.12 3.13
# The path of Python $$version, from the PATH or from pyenv, whose stand-ins on the PATH need not work; else nothing.
FIND_PYTHON = for each in python$$version $$(ls -d ~/.pyenv/versions/$$version.*/bin/python$$version 2>/dev/null | sort -rV); do \
  "$$each" -c "" 2>/dev/null && { echo "$$each"; break; }; done

help:  ## list what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: $(READY)  ## run the first lesson for real, without a screen
	@$(BIN)/flare-widgets demo

lab: $(READY)  ## open JupyterLab on the first lesson
	@$(BIN)/flare-widgets lab

# First what is quick to fail. The older servers are set up beside the rest, which is mostly downloads, and tested
# alone: on a machine that is busy with everything else they went away in the middle of a test.
test:  ## run every test
	@$(MAKE) --no-print-directory -j3 lint bundle-check browser
	@$(MAKE) --no-print-directory -j2 newest-server .matrix/2.7.3/.ready .matrix/2.8.3/.ready
	@$(MAKE) --no-print-directory old-servers

newest-server: $(READY)
	$(BIN)/pytest $(CROWDED)

docs: $(READY)  ## build the documentation site into out/site; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

screenshots: browser $(READY)  ## take the pictures of the views in docs/screenshots, from real runs: 7 minutes
	$(BIN)/pytest tests/browser/take_screenshots.py -q

unit: $(READY)  ## run only the tests of tests/unit, which need no server and no browser: a minute
	$(BIN)/pytest tests/unit $(SIDE_BY_SIDE)

# Apart from `test`, which it would slow down: tracing makes the unit tests take twice their time.
coverage: $(READY)  ## print which lines and branches the tests without a federation reach; under 90 % is an error
	$(BIN)/pytest tests/unit tests/scripted tests/fuzz $(SIDE_BY_SIDE) -q --cov --cov-report=term

# The folders of the tests one by one: more than one has a module called conftest.
lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	for tests in tests/conftest.py $(sort $(dir $(wildcard tests/*/*.py))); do $(BIN)/mypy $$tests || exit; done

lint-js: js/node_modules/.ready  ## lint the front-end and check its format (cd js && npm run format fixes what it can)
	cd js && npm run --silent lint

bundle: js/node_modules/.ready  ## build the front-end into flare_widgets/views/static and flare_widgets/labextension
	cd js && npm run --silent build
	@[ ! -e $(READY) ] || { $(COPY_EXTENSION); }

# The bundle is committed, so that an install needs no node; what is committed must be what the sources build.
bundle-check: lint-js  ## lint, check types, test the front-end, and compare the committed bundle
	cd js && npm run --silent typecheck && npm test --silent
	before=$$($(SUM_OF_BUNDLES)); \
	cd js && npm run --silent build && cd ..; \
	after=$$($(SUM_OF_BUNDLES)); \
	[ "$$before" = "$$after" ] || { echo "$(BUNDLES) are not what js/ builds: commit them"; exit 1; }

hostile: $(READY)  ## give 6,000 hostile inputs to whatever reads what strangers send: a minute (HOSTILE='--inputs 50000')
	PYTHONPATH=tests:tests/support $(BIN)/python -m hostile $(HOSTILE)

faults: $(READY)  ## harm operations on a real federation, print what was lost: 10 minutes (FAULTS='--seconds 60 --scheme tcp')
	PYTHONPATH=tests:tests/support $(BIN)/python -m faults --out out/faults.jsonl $(FAULTS)

bench: $(READY)  ## measure against nvflare's own client; prints tables (BENCH=--write puts the first into the docs)
	$(BIN)/python -m benchmarks $(BENCH)
	$(BIN)/python -m benchmarks.monitoring

# The versions that the other tests do not have, by one scheme each: 2.9.0 is in $(VENV), tested by all three.
old-servers: .matrix/2.7.3/.ready .matrix/2.8.3/.ready  ## run our client against a real server of each older version
	.matrix/2.7.3/bin/pytest -q tests/matrix -k http
	.matrix/2.8.3/bin/pytest -q tests/matrix -k grpc

matrix: $(MATRIX:%=matrix-%)  ## run our client against real servers of several FLARE versions

# One environment a version, since the federation runs on the Python it is started from.
matrix-%: .matrix/%/.ready
	.matrix/$*/bin/pytest tests/matrix

.matrix/%/.ready: pyproject.toml
	@echo "setting up .matrix/$*: half a minute"
	@$(PYTHON) -m venv .matrix/$*
	@.matrix/$*/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	@.matrix/$*/bin/python -m pip install --quiet --editable '.[local,grpc]' 'nvflare==$*' 'pytest>=8.2' 'pytest-timeout>=2.3'
	@touch $@

# Every Python that we claim, apart from `test`, which runs on one: before a release.
pythons:  ## run the unit tests, a real federation and the wheel's install on each Python from 3.10 to 3.13 of this machine
	@for version in $(PYTHONS); do \
	  if [ -n "$$($(FIND_PYTHON))" ]; then $(MAKE) --no-print-directory python-$$version || exit; \
	  else echo "Python $$version is not on this machine: left out"; fi; \
	done

python-%: .matrix/python-%/.ready
	.matrix/python-$*/bin/pytest tests/unit tests/scripted $(SIDE_BY_SIDE) -q
	.matrix/python-$*/bin/pytest tests/matrix -q -k http
	.matrix/python-$*/bin/pytest tests/package -q

.matrix/python-%/.ready: pyproject.toml
	@echo "setting up .matrix/python-$*: a minute"
	@version=$*; "$$($(FIND_PYTHON))" -m venv .matrix/python-$*
	@.matrix/python-$*/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	@.matrix/python-$*/bin/python -m pip install --quiet --editable '.[local,grpc]' --group dev
	@touch $@

# The oldest that the views work in: tested by hand, and before a release.
browser-oldest: browser js/node_modules/.ready .matrix/oldest-lab/.ready  ## run the main browser tests in JupyterLab 4.2 with ipykernel 6
	.matrix/oldest-lab/bin/pytest tests/browser/test_job_view.py tests/browser/test_jobs_view.py tests/browser/test_question.py \
	  tests/browser/test_lab_sidebar.py

.matrix/oldest-lab/.ready: pyproject.toml
	@echo "setting up .matrix/oldest-lab: half a minute"
	@$(PYTHON) -m venv .matrix/oldest-lab
	@.matrix/oldest-lab/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	@.matrix/oldest-lab/bin/python -m pip install --quiet --editable '.[local]' 'jupyterlab==4.2.*' 'ipykernel==6.31.*' \
	  'pytest>=8.2' 'pytest-timeout>=2.3' playwright
	@touch $@

wheel: bundle $(READY)  ## build the wheel and the sdist
	$(BIN)/python -m build

clean:  ## remove what the other targets made
	rm -rf $(VENV) .matrix out dist js/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(READY): pyproject.toml flare_widgets/_version.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "flare-widgets needs Python 3.10 or later: make PYTHON=python3.12 ..."; exit 1; }
	@echo "setting up $(VENV): a minute or two"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[local,grpc]' --group dev
	@$(COPY_EXTENSION)
	@touch $@

js/node_modules/.ready: js/package.json js/package-lock.json
	@command -v npm >/dev/null || { echo "the front-end needs node and npm: https://nodejs.org"; exit 1; }
	@cd js && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Browser tests drive a Chromium: the one named by $$CHROMIUM, one that is installed, or Debian's.
browser:
	@if [ -z "$$CHROMIUM" ] && ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing chromium"; \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	  else \
	    echo "the browser tests need Chromium: install it, or set CHROMIUM to its path"; exit 1; \
	  fi; \
	fi
