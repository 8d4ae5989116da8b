# Every target sets up what it needs by itself; a second run finds it done.
.PHONY: help setup format lint types check test chaos demo bench bench-peers
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON := .venv/bin/python
SETUP := deploy/local/setup.sh
NATIVE := $(wildcard stream/native/*.?pp)
DEMO_S ?= 0
N ?= 1000
PATIENCE ?= 2
SEED ?= 1

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' $(MAKEFILE_LIST) | awk -F ': ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/.done var/kafka/.done ## make .venv, fetch Kafka, install the Debian packages that the demo needs
	@$(SETUP) packages -o prometheus:prometheus

format: .venv/.done ## rewrite the code in our style
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix . && .venv/bin/clang-format -i $(NATIVE)

lint: .venv/.done ## look for faults without running anything
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/clang-format --dry-run -Werror $(NATIVE)

types: .venv/.done ## check the types
	@.venv/bin/mypy

check: lint types ## lint, types and the fast tests, under a minute
	@$(PYTHON) -m pytest -q -m "not services and not slow and not browser"

test: setup lint types ## every test, in two processes, with the services and programs that they need
	@$(SETUP) packages prometheus:prometheus chromium:chromium prometheus-alertmanager:prometheus-alertmanager :fonts-noto-cjk
	@ROOMWATCH_TEST_PATIENCE=$(PATIENCE) $(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --timeout 120

chaos: setup ## break the ingest N=1000 times, then count everything again; SEED=7 breaks it otherwise
	@ROOMWATCH_CHAOS_FAULTS=$(N) ROOMWATCH_CHAOS_SEED=$(SEED) $(PYTHON) -m pytest -q tests/services/test_ingest_chaos.py

demo: setup ## the whole system on this machine, with simulated broadcasts; DEMO_S=90 ends it after 90 s
	@DEMO_S=$(DEMO_S) DEMO_BEGAN=$$(date +%s) exec $(PYTHON) -I -S deploy/local/leash.py TERM $$PPID $(PYTHON) -m deploy.local.demo

bench: setup ## our own figures
	@$(PYTHON) -m tests.bench

bench-peers: setup var/peers/.done ## the peers beside ours, on the same feeds
	@$(PYTHON) -m tests.bench.peers

.venv/.done: requirements.lock pyproject.toml setup.py $(SETUP) $(NATIVE)
	@echo "setup: .venv (about two minutes the first time)" && $(SETUP) venv && touch $@

var/peers/.done: tests/bench/peers/requirements.lock | .venv/.done
	@echo "setup: the peers, into var/peers" && $(SETUP) peers && touch $@

var/kafka/.done: deploy/local/pom.xml $(SETUP) | .venv/.done
	@echo "setup: Kafka (about a minute the first time)" && $(SETUP) kafka && touch $@
