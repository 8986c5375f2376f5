# `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help demo up test lint types format image lock node simulate fuzz bench bench-agent bench-gateway bench-sse scale screenshots chaos cluster-test clean
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NPM := --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error
PEERS := .podium/peers
RIVAL := .podium/rival
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-compile --require-hashes

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.podium-ready ## solve a bundled competition, from nothing to a graded submission
	@$(BIN)/podium demo

up: $(VENV)/.podium-ready ## run the whole stack on this machine until Ctrl-C
	@$(BIN)/podium up

JOBS ?= 2
test: $(VENV)/.dev-ready ## run every test, two files at once; one after the other with make test JOBS=0
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

lint: $(VENV)/.dev-ready ## look for mistakes and untidy code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev-ready ## check types
	$(BIN)/mypy

format: $(VENV)/.dev-ready ## lay out the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

node: $(VENV)/.node-ready ## fetch what the tests and the example in JavaScript need of npm

image: ## build the agent's image
	deploy/build-images agent

LOCK = "$$folder/bin/uv" pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header

lock: ## choose versions anew for what pyproject.toml asks for
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	$(PYTHON) -m venv "$$folder" && "$$folder/bin/python" -m pip install -q --disable-pip-version-check uv && \
	$(LOCK) pyproject.toml --group dev -o requirements/dev.txt && \
	$(LOCK) pyproject.toml --group agent --group embedded -c requirements/dev.txt -o requirements/podium.txt && \
	$(LOCK) pyproject.toml -c requirements/dev.txt -o requirements/services.txt && \
	$(LOCK) pyproject.toml --group kubernetes -c requirements/dev.txt -o requirements/kubernetes.txt && \
	$(LOCK) --group agent -c requirements/dev.txt -o requirements/agent.txt && \
	$(LOCK) --group bench-agent -o requirements/bench-agent.txt && \
	$(LOCK) --group bench-gateway -o requirements/bench-gateway.txt && \
	$(LOCK) --group servers --no-deps -c requirements/dev.txt -o requirements/servers.txt

bench: $(VENV)/.dev-ready ## measure how fast the parts are
	@for file in $(filter-out %/bench_agent.py %/bench_gateway.py %/bench_scale.py %/bench_sse.py,$(wildcard tests/bench/bench_*.py)); do \
	  echo "$$file"; $(BIN)/python -m "tests.bench.$$(basename "$$file" .py)" || exit 1; \
	done

BUDGETS ?= 60
COMPETITIONS ?=
CPUS ?= 2
LANES ?= 1
SYSTEMS ?= podium,autogluon,flaml,hgb
bench-agent: $(VENV)/.dev-ready $(PEERS)/.ready ## score the agent beside AutoML: make bench-agent BUDGETS=60,180
	@$(BIN)/python -m tests.bench.bench_agent --budgets "$(BUDGETS)" --competitions "$(COMPETITIONS)" \
	  --systems $(SYSTEMS) --cpus $(CPUS) --lanes $(LANES) $(if $(KEEP),--keep)

bench-gateway: $(VENV)/.dev-ready $(RIVAL)/.ready ## measure how many jobs the gateway takes, beside a usual job service
	@$(BIN)/python -m tests.bench.bench_gateway

scale: $(VENV)/.dev-ready ## show how cost and memory grow with jobs, and draw it: make scale JOBS=1000000
	@$(BIN)/python -m tests.bench.bench_scale --plot .podium/scale.svg $(if $(filter command,$(origin JOBS)),--jobs $(JOBS))

bench-sse: $(VENV)/.dev-ready ## measure how fast one gateway hands events to 5,000 clients
	@$(BIN)/python -m tests.bench.bench_sse

chaos: $(VENV)/.dev-ready ## kill and pause every part at random while jobs run, and judge what is left
	$(BIN)/python -m tests.chaos

cluster-test: $(VENV)/.dev-ready ## try compose.cluster.yaml: kill, cut off and restart all while jobs run
	$(BIN)/python -m tests.cluster

STEPS ?= 1000000
simulate: $(VENV)/.dev-ready ## run the real services on virtual time, with faults: make simulate STEPS=1000000
	$(BIN)/python -m tests.simulation --steps $(STEPS)

SECONDS ?= 300
fuzz: $(VENV)/.dev-ready ## ask the gateway whatever its OpenAPI document allows, and not: make fuzz SECONDS=300
	@$(BIN)/python -m tests.fuzz --seconds "$(SECONDS)"

screenshots: $(VENV)/.dev-ready ## take pictures of the page, into .podium/screenshots
	@$(BIN)/python -m tests.browser.screenshots

clean: ## stop the stack in .podium and remove it, and remove .venv
	@if [ -x $(BIN)/podium ]; then $(BIN)/podium down --home .podium; fi
	rm -rf .podium $(VENV) .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || { \
	  echo "Podium needs Python 3.11 to 3.14; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "  hint: name another one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make a virtual environment." >&2; \
	  echo "  hint: on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Podium itself is not built: a path file makes its packages importable, a script calls them.
$(VENV)/.podium-ready: requirements/podium.txt | $(BIN)/python
	$(PIP) -r requirements/podium.txt
	@pwd > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/podium.pth"
	@printf '#!/bin/sh\nexec "%s" -P -c "from cli.__main__ import main; main()" "$$@"\n' \
	  "$$(pwd)/$(BIN)/python" > $(BIN)/podium
	@chmod +x $(BIN)/podium
	@touch $@

$(VENV)/.dev-ready: requirements/dev.txt $(VENV)/.podium-ready
	$(PIP) -r requirements/dev.txt
	@touch $@

# No lock file: it would name the registry that it was made with.  Versions are exact, and no script is run.
$(VENV)/.node-ready: tests/asyncapi/package.json examples/javascript/package.json | $(BIN)/python
	@for folder in $(^D); do (cd "$$folder" && npm install $(NPM)) || exit 1; done
	@touch $@

# A job service as it is usually built, that the gateway is measured beside.
$(RIVAL)/.ready: requirements/bench-gateway.txt | $(BIN)/python
	$(PYTHON) -m venv $(RIVAL)
	$(RIVAL)/bin/python -m pip install --disable-pip-version-check --no-compile --require-hashes \
	  -r requirements/bench-gateway.txt
	@touch $@

# The AutoML systems that the agent is measured beside want other versions of the same libraries.
$(PEERS)/.ready: requirements/bench-agent.txt | $(BIN)/python
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --disable-pip-version-check --no-compile --require-hashes \
	  -r requirements/bench-agent.txt
	@touch $@
