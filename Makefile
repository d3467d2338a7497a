# What a person types, and what .ci/run calls. `make venv` needs Python 3.11 or newer and nothing else.

PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
RPC := libs/millstream/rpc/v1
PROTOS := $(wildcard proto/millstream/rpc/v1/*.proto)

# Where compiled modules are not kept, each process of each test compiles all of them anew.
unexport PYTHONDONTWRITEBYTECODE

SEEDS ?= 2000
SEED ?=

.PHONY: help venv demo test soak overload crash sim lint types style imports format proto proto-check bench bench-worker bench-failover bench-quick clean
.DEFAULT_GOAL := help

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

venv: .venv/.stamp ## Make .venv with the locked versions of everything

.venv/.stamp: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv sync --quiet --locked --inexact --all-extras --group dev --python $(BIN)/python
	@touch $@

demo: venv ## Start everything on this machine, run example DAGs, stop again
	$(BIN)/python examples/demo.py

test: venv browser ## All tests but the long ones
	$(BIN)/python -m pytest

soak: venv ## The long tests
	$(BIN)/python -m pytest -n 0 -m soak --ignore tests/crash

overload: venv ## Ten times the load, hostile requests and messages by the ten thousand: some minutes
	$(BIN)/python -m pytest -n 0 -s -m 'soak or not soak' tests/overload

crash: venv ## Every failpoint, every action, first, middle and last time: a quarter of an hour
	$(BIN)/python -m pytest -n 2 --dist load -m soak tests/crash

sim: venv ## Simulate the whole system with faults: SEEDS=2000, or SEED=7 for one again
	PYTHONPATH=tests $(BIN)/python -m simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

lint: types style imports proto-check page-check ## Format, style, imports, types, generated code

types: venv
	$(BIN)/mypy

style: venv
	$(BIN)/ruff format --check
	$(BIN)/ruff check

imports: venv
	$(BIN)/lint-imports --no-logo

format: venv ## Format the code and apply the safe fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

GENERATE = $(BIN)/python -m grpc_tools.protoc -Iproto --python_out=$(1) --pyi_out=$(1) --grpc_python_out=$(1) $(PROTOS)

proto: venv ## Generate the gRPC code from proto/
	$(call GENERATE,libs)

proto-check: venv ## Fail if the committed gRPC code is not what proto/ gives
	@rm -rf build/proto && mkdir -p build/proto
	@$(call GENERATE,build/proto)
	@for file in build/proto/millstream/rpc/v1/*; do \
		cmp "$$file" "$(RPC)/$$(basename "$$file")" || { echo "Run: make proto" >&2; exit 1; }; \
	done

# --- the web page, which only those who change it need Node for

PAGE := services/millstream_web/page
STATIC := services/millstream_web/static
E2E := tests/e2e/web
# A `npm ci` that is done is not done again before the lock file says something else.
MODULES = cmp -s $(1)/package-lock.json $(1)/node_modules/.locked || \
	{ (cd $(1) && npm ci --no-audit --no-fund) && cp $(1)/package-lock.json $(1)/node_modules/.locked; }
HAS_NODE := $(shell node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && echo yes)

.PHONY: page page-check page-test browser screenshots

page: ## Build the web page into the Python package (Node 20 or newer)
	$(call MODULES,$(PAGE))
	cd $(PAGE) && npm run --silent build

page-check: ## Fail if the built page that is committed is not what its sources give
ifeq ($(HAS_NODE),yes)
	@if $(call MODULES,$(PAGE)); then \
		(cd $(PAGE) && npm run --silent build -- --outDir ../../../build/static --logLevel warn) && \
			diff -rq build/static $(STATIC) || { echo "Run: make page" >&2; exit 1; }; \
	else echo "NOT CHECKED: $(STATIC), since npm cannot install what builds it" >&2; fi
else
	@echo "NOT CHECKED: whether $(STATIC) is what $(PAGE) gives, for want of Node 20 or newer" >&2
endif

page-test: ## The tests of the page's parts
	@$(call MODULES,$(PAGE))
	cd $(PAGE) && npm run --silent test

browser: ## What the tests in a browser need: Chromium and playwright-core, as far as they can be had
ifeq ($(HAS_NODE),yes)
	@$(E2E)/get_chromium.sh
	@{ $(call MODULES,$(PAGE)); } && { $(call MODULES,$(E2E)); } || \
		echo "NOT TESTED: the page, since npm cannot install its packages" >&2
else
	@echo "NOT TESTED: the page, for want of Node 20 or newer" >&2
endif

screenshots: venv browser ## Draw every page into docs/img
	MILLSTREAM_SCREENSHOTS=docs/img $(BIN)/python -m pytest -n 0 -m soak $(E2E)/test_screenshots.py

bench: venv ## All workloads but SOAK: a quarter of an hour
	$(BIN)/python -m bench

bench-worker: venv ## What a worker does in a second, and what its children cost
	$(BIN)/python -m bench.worker

bench-failover: venv ## Kill the active scheduler a hundred times under load
	PYTHONPATH=tests $(BIN)/python -m bench.failover

bench-quick: venv ## The workloads that take moments: less than two minutes
	$(BIN)/python -m bench --quick

.PHONY: bench-soak
MINUTES ?= 30
bench-soak: venv ## Half of the highest rate for MINUTES=30: do memory and waits stay as they are?
	$(BIN)/python -m bench --only SOAK --soak-minutes $(MINUTES)

.PHONY: bench-costs
bench-costs: venv ## What a task costs by process: processor time, messages, transactions
	$(BIN)/python -m bench.costs

.PHONY: bench-growth
LARGEST ?= 6
bench-growth: venv ## How cost grows with workers, runs and a log of up to 10^LARGEST=6 events, as plots
	$(BIN)/python -m bench.growth --largest $(LARGEST)

.PHONY: bench-why
bench-why: venv ## How long `millstream why` takes on a log of a million events
	PYTHONPATH=tests $(BIN)/python -m bench.why

.PHONY: bench-api
bench-api: venv ## What callers of the api wait for, on a million task instances; some minutes
	PYTHONPATH=tests $(BIN)/python -m bench.api

.PHONY: bench-verify
bench-verify: venv ## How fast `millstream verify` reads a million events
	$(BIN)/python -m bench.verify

.PHONY: bench-peers
bench-peers: venv ## The same workloads on DBOS, Temporal, Restate, Celery and Airflow (ARGS="--only dbos --repeats 3"); half an hour
	$(BIN)/python -m bench.peers $(ARGS)

clean: ## Remove what was generated; keeps .venv
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
