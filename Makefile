# Words of this project. `make` alone lists them. Needs Python 3.11+, make and a package index.
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Caches of tools lie outside the checkout, one folder per checkout.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/steward/$(shell pwd | cksum | cut -d' ' -f1)
export RUFF_CACHE_DIR ?= $(CACHE)/ruff
export MYPY_CACHE_DIR ?= $(CACHE)/mypy
export HYPOTHESIS_STORAGE_DIRECTORY ?= $(CACHE)/hypothesis
export PYTEST_ADDOPTS ?= -o cache_dir=$(CACHE)/pytest
PYTHONPATH_OF_TESTS := tests/equipment
SOURCES := crds operator runtime tests bench .ci
FIELDS ?= all

.DEFAULT_GOAL := help
.PHONY: help setup fmt check test golden crds chart docs mutate up demo bench ci e2e e2e-full soak images sbom release clean

help: ## list these words
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup: ## install everything into .venv (nothing happens while the pins are the same)
	@$(PYTHON) .ci/setup.py $(VENV)

fmt: setup ## format the code and sort imports
	@$(BIN)/ruff check --quiet --select I --fix $(SOURCES)
	@$(BIN)/ruff format --quiet $(SOURCES)

check: setup ## static checks: format, lint, types, import contracts, house tests, generated files
	$(BIN)/ruff format --check --quiet $(SOURCES)
	$(BIN)/ruff check --quiet $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports --no-logo --cache-dir $(CACHE)/imports
	$(BIN)/pytest --quiet tests/house

test: setup ## everything: check, unit, real API server, real model; prints minutes per stage
	@$(BIN)/python .ci/stages.py test

ci: setup
	@$(BIN)/python .ci/stages.py ci

golden: setup ## write the expected renderings of the examples anew
	@STEWARD_UPDATE_GOLDEN=1 $(BIN)/pytest --quiet tests/golden

crds: setup ## write crds/manifests from the models
	@$(BIN)/python -m steward_api.manifest crds/manifests

chart: setup
	@$(BIN)/python -m steward_operator.chart charts/steward
	@PYTHONPATH=$(PYTHONPATH_OF_TESTS) $(BIN)/python -m steward_argo health

docs: setup ## write docs/reference from the models
	@PYTHONPATH=$(PYTHONPATH_OF_TESTS) $(BIN)/python -m steward_docs docs

mutate: setup ## reset FIELDS (all, changed, or Kind.spec.path ...) one by one; their tests must fail
	@PYTHONPATH=$(PYTHONPATH_OF_TESTS) $(BIN)/python -m steward_mutation $(FIELDS)

up: setup ## run examples/01-helpdesk on this machine
	@$(BIN)/steward up examples/01-helpdesk

demo: setup ## drive the example through chat, tool, memory, purge and receipt
	@$(BIN)/python examples/01-helpdesk/demo.py

bench: setup ## measure beside the peers and print ratios
	@$(BIN)/python -m bench

e2e: setup ## a real node, chart, examples, enforced policies (root; else CLUSTER=current)
	@$(BIN)/pytest -v -m "e2e and not full and not soak" $(ARGS) tests/e2e

e2e-full: setup
	@code=0; $(BIN)/pytest -v -m "e2e and not soak" $(ARGS) tests/e2e || code=1; \
		STEWARD_SWITCHES=20 STEWARD_RIGHTS=all $(BIN)/pytest -q -n 2 --dist loadfile \
		-m "cluster and long" tests/cluster || code=1; exit $$code

soak: setup
	@$(BIN)/pytest -v -m "e2e and soak" $(ARGS) tests/e2e

images: setup ## build the container images; ARGS=--lab-base where no image registry is reached
	@$(BIN)/python .ci/images.py $(ARGS)

sbom: setup
	@$(BIN)/python .ci/sbom.py $(ARGS)

release: setup ## build a release into dist and sign it with KEY
	@PYTHONPATH=$(PYTHONPATH_OF_TESTS) $(BIN)/python .ci/release.py build --key $(or $(KEY),release-key.pem) $(ARGS)

clean: ## remove what was built here, the environment included
	@rm -rf $(VENV) .venv-* build dist .steward $(CACHE)
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
