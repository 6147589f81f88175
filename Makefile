# Targets for running, testing and releasing Roomcast; `make help` lists them. Each target first sets up what it needs.

PORT ?= 8080
USERS ?= 200
TIME ?= 30s
# Skip the Python of an active .venv: with that Python, the set-up would rebuild the environment.
PYTHON ?= $(shell export PATH="$(subst $(CURDIR)/.venv/bin:,,$(PATH))"; command -v python3 || command -v python3.14 || command -v python3.13 || command -v python3.12 || command -v python3.11)
# Programs of the system take precedence over those that the set-up has unpacked.
export PATH := $(PATH):$(CURDIR)/.state/tools/bin
# Keep byte code on disk. Without it, each of the hundreds of Python processes of a test run would compile the sources.
unexport PYTHONDONTWRITEBYTECODE
IN_VENV = .venv/bin/python
PYTEST = $(IN_VENV) -m pytest
# Test files run in parallel. Most of them wait for servers, so there may be more workers than processors.
# tests/conftest.py sets the order in which the files start.
UNIT_WORKERS ?= 4
SLOW_WORKERS ?= 3
FAST_WORKERS ?= 3
BY_FILE = --dist loadfile --no-loadscope-reorder
# The folders that tests/conftest.py calls slow: all folders except these two.
SLOW = tests --ignore=tests/unit --ignore=tests/integration
# The tests of modules that may be compiled, and of their callers.
ON_BOTH_BUILDS = tests/unit/adapter tests/unit/engineio tests/unit/socketio tests/unit/hotpath tests/unit/gateway
# The modules with the higher coverage floor: the contract, and rules without I/O.
CORES = contract/*,wire/*,*/engineio/core.py,*/engineio/websocket/rfc6455.py,*/engineio/timers.py,*/engineio/timer_wheel.py,*/adapter/order.py,*/presence/expiry.py,*/media/policy.py,*/media/file_types.py,*/media/file_names.py,*/media/detection.py,*/media/dimensions.py,*/operations/admission.py

.DEFAULT_GOAL := help
.PHONY: attack attack-figures .venv-ready compiled-tests fast-tests slow-tests test-long api-types help setup run stop status scale roll logs env compose compile check lint unit web-check test coverage s3-contract load bench chaos drill fuzz chart images redis-matrix observe example sbom audit dist docs version clean

help: ## print this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "  make %-14s  %s\n", $$1, $$2}'

.venv-ready:
	@test -n "$(PYTHON)" || { echo "roomcast: Python 3.11 or newer is needed, and there is no python3 here" >&2; exit 1; }
	@$(PYTHON) -m deploy.bootstrap $(if $(filter file,$(origin PYTHON)),--best)

setup: .venv-ready ## fetch and build what `make run` and `make test` need
	@$(IN_VENV) -m deploy setup

run: .venv-ready ## start the cluster on http://localhost:8080 (PORT=…); Ctrl-C stops it
	@exec $(IN_VENV) -m deploy run --port $(PORT) $(if $(CAPACITY),--capacity $(CAPACITY))

stop: .venv-ready ## stop the cluster
	@$(IN_VENV) -m deploy stop

status: .venv-ready ## show pid, port, readiness and uptime of every process
	@$(IN_VENV) -m deploy status

scale: .venv-ready ## change the number of gateways while the cluster runs: make scale N=4
	@test -n "$(N)" || { echo "roomcast: N is missing: make scale N=4" >&2; exit 1; }
	@$(IN_VENV) -m deploy scale $(N)

roll: .venv-ready ## restart all gateways, one after the other; their clients move to other gateways
	@$(IN_VENV) -m deploy roll

logs: .venv-ready ## follow the logs of all processes
	@exec $(IN_VENV) -m deploy logs

env: .venv-ready ## print the addresses and keys with which a script or back end uses the running cluster
	@$(IN_VENV) -m deploy env

compose: .venv-ready ## write the random secrets and the configurations that deploy/compose.yaml needs
	@$(IN_VENV) -m deploy compose

compile: .venv-ready ## compile the gateways' hot path (`make setup` also does this if it finds a C compiler)
	@$(IN_VENV) -m deploy compile

check: lint unit web-check ## run lint, type checks and unit tests

lint: .venv-ready
	@$(IN_VENV) -m ruff format --check --quiet .
	@$(IN_VENV) -m ruff check --quiet .
	@$(IN_VENV) -m mypy

# First on the default build, which is compiled if the machine has a C compiler; then on the plain build.
unit: .venv-ready
	@$(PYTEST) -n $(UNIT_WORKERS) $(BY_FILE) tests/unit
	@ROOMCAST_HOTPATH=python $(PYTEST) -n $(UNIT_WORKERS) $(BY_FILE) $(ON_BOTH_BUILDS)

web-check: .venv-ready
	@$(IN_VENV) -m deploy web-check

test: .venv-ready ## run lint, type checks and all tests except the longest few
	@$(IN_VENV) -m deploy setup --browser
	@$(MAKE) --no-print-directory -j2 web-check compiled-tests
	@$(MAKE) --no-print-directory -j3 slow-tests fast-tests lint

# Let pytest compile the test files once; otherwise each worker compiles all of them when it starts.
compiled-tests: .venv-ready
	@$(PYTEST) --collect-only -qq tests >/dev/null

# Integration tests come first, because they mostly wait for servers. Unit tests then use the remaining CPU time.
fast-tests: .venv-ready
	@$(PYTEST) -n $(FAST_WORKERS) $(BY_FILE) tests/integration tests/unit
	@ROOMCAST_HOTPATH=python $(PYTEST) -n $(FAST_WORKERS) $(BY_FILE) -p no:schemathesis $(ON_BOTH_BUILDS)

coverage: .venv-ready ## measure the branch coverage of unit and integration tests, and compare it with floors
	@rm -rf .state/coverage && mkdir -p .state/coverage
	@$(IN_VENV) -m coverage run -m pytest -n $(FAST_WORKERS) $(BY_FILE) tests/integration tests/unit
	@ROOMCAST_HOTPATH=python $(IN_VENV) -m coverage run -m pytest -n $(FAST_WORKERS) $(BY_FILE) $(ON_BOTH_BUILDS)
	@$(IN_VENV) -m coverage combine --quiet
	@$(IN_VENV) -m coverage report --fail-under=90
	@$(IN_VENV) -m coverage report --fail-under=95 --include="$(CORES)"

slow-tests: .venv-ready
	@$(PYTEST) -n $(SLOW_WORKERS) $(BY_FILE) -p no:schemathesis -m "not long" $(SLOW)

test-long: .venv-ready ## run the longest tests, which `make test` leaves out
	@$(IN_VENV) -m deploy setup --browser
	@$(PYTEST) -m long $(SLOW)

s3-contract: .venv-ready ## check that an object storage supports what the signer does: make s3-contract ENDPOINT=https://… (AWS_ACCESS_KEY_ID, … from the environment)
	@S3_CONTRACT_ENDPOINT="$(ENDPOINT)" $(IN_VENV) -m pytest tests/integration/media/test_s3_contract.py

attack: .venv-ready ## run the attack tests; with CLUSTER=.state, attack the running cluster directly and through nginx (see SECURITY.md)
	@$(if $(CLUSTER),ROOMCAST_ATTACKED="$(CLUSTER)") $(IN_VENV) -m pytest tests/attack

load: .venv-ready ## put load on the running cluster with locust, and judge the result: make load USERS=200 TIME=30s
	@$(IN_VENV) -m loadtest.load --users $(USERS) --time $(TIME)

bench: .venv-ready ## compare the CPU per delivery with Node, Bun, socketioxide, Centrifugo, nchan; ROWS=small: one row; ROWS=all: all rows
	@$(IN_VENV) -m loadtest.bench $(if $(ROWS),--rows $(ROWS))

chaos: .venv-ready ## inject faults under load, and account for every message; FAULT=kill-gateway: only this experiment
	@$(IN_VENV) -m loadtest.chaos $(if $(FAULT),--fault $(FAULT)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SEED),--seed $(SEED))

drill: .venv-ready ## cause each alert on a separate cluster, and check that it fires and clears; ALERT=RoomcastSlowAcks: only this alert; HOLD=600: keep each cause for up to 600 s, to try the runbook
	@$(IN_VENV) -m loadtest.drill $(if $(ALERT),--alert $(ALERT)) $(if $(HOLD),--hold $(HOLD))

fuzz: .venv-ready ## fuzz the parsers, guided by coverage; SECONDS=20: time for each parser
	@$(IN_VENV) -m deploy.release.fuzz $(if $(SECONDS),--seconds $(SECONDS))

attack-figures: .venv-ready ## measure what attacks cost other clients, compared with a gateway without attacks (three minutes, on an idle machine)
	@$(IN_VENV) -m tests.attack.figures

chart: .venv-ready ## check the Helm chart: lint it, validate its objects, and run its gateway pod as local processes (builds helm with Go)
	@$(IN_VENV) -m deploy.chart

images: .venv-ready ## build every image without a container engine (needs root, buildah, debootstrap); RUN=1 starts them with podman
	@$(IN_VENV) -m deploy.images $(if $(RUN),--run)

redis-matrix: .venv-ready ## run the tests that use Redis on every Redis and Valkey of Debian (SERVERS="valkey-sid …": only on these)
	@$(IN_VENV) -m deploy.release.redis_matrix $(SERVERS)

observe: .venv-ready ## run Prometheus, with Roomcast's alerts, on the running cluster: http://localhost:9090
	@exec $(IN_VENV) -m deploy.observability.observe

example: .venv-ready ## run the support desk of examples/nextjs-fastapi on the running cluster: http://localhost:3000
	@exec $(IN_VENV) -m deploy.example

sbom: .venv-ready ## write lists of all packages in use (CycloneDX) into dist/sbom
	@$(IN_VENV) -m deploy.release.supply_chain sbom dist/sbom

audit: .venv-ready ## look up the packages in use in public databases of known vulnerabilities
	@$(IN_VENV) -m deploy.release.supply_chain audit

dist: .venv-ready ## build wheels, sdists and the npm packages into dist/
	@$(IN_VENV) -m deploy dist

api-types: .venv-ready ## regenerate the TypeScript types of the HTTP API (web/api/src/schema.ts)
	@$(IN_VENV) -m docs.documents .state/documents
	@node web/scripts/api_types.mjs .state/documents/openapi.json

docs: .venv-ready ## build the documentation site, with the references, into site/
	@$(IN_VENV) -m deploy docs

version: .venv-ready ## write the version in VERSION into every manifest and lock file
	@$(IN_VENV) -m deploy version

clean: .venv-ready ## stop the cluster and remove everything that was fetched, built and stored
	@$(IN_VENV) -m deploy stop 2>/dev/null || true
	@rm -rf .state .venv dist site web/node_modules web/dist
