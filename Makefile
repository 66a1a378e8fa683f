.DEFAULT_GOAL := help
SHELL := /bin/bash

# Lambda runs 3.13, so that is taken where it is found (also under pyenv); any from 3.11 on does as well.
PYTHON ?= $(firstword $(shell for p in python3.13 $(HOME)/.pyenv/versions/3.13.*/bin/python python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p"; done))

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# pip before 23.3 takes a pinned requirement with extras for one that is not pinned; a later one is left as it is.
RECENT_PIP = python -m pip install --quiet --disable-pip-version-check 'pip>=23.3'

.venv/installed: requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "expunge needs Python 3.11 or newer, and none was found. Name one with: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	.venv/bin/$(RECENT_PIP)
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: install
install: .venv/installed ## set everything up in .venv

.PHONY: run
run: install ## start the API with demo records on http://127.0.0.1:3000, or with PORT=3001 DYNAMODB_PORT=8001
	@exec .venv/bin/expunge serve $(if $(PORT),--port $(PORT)) $(if $(DYNAMODB_PORT),--dynamodb-port $(DYNAMODB_PORT))

# Tests start many processes: these need not compile the same modules each time, even where Python is told to.
test test-all: export PYTHONDONTWRITEBYTECODE =

# One process more than two cores, because some tests wait.
.PHONY: test
test: install ## run the tests (about a minute on two cores)
	.venv/bin/python -m pytest --numprocesses 3 -m "not engine and not slow"

.PHONY: test-all
test-all: install ## run the tests, the slow ones and those at full size on real engines too
	.venv/bin/python -m pytest --numprocesses 2 --hypothesis-profile=at-length

.PHONY: test-engines
test-engines: install ## run what needs a table on ministack too, and on DynamoDB Local if DYNAMODB_LOCAL_HOME is its folder
	for engine in ministack dynamodb-local; do .venv/bin/python -m pytest --numprocesses 2 --engine $$engine \
		-m "not engine and not slow" || exit 1; done

.venv/browser: .venv/installed requirements/browser.txt
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/browser.txt
	@touch $@

.PHONY: browser
browser: .venv/browser ## set up what tests the pages in a Chromium that is installed

.PHONY: check
check: install .venv/bench .venv-sam/installed ## format, lint, types and template
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv-sam/bin/sam validate --lint

.PHONY: format
format: install ## put the code into its one format
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

.PHONY: bench
bench: install ## measure, and print the tables of benchmarks/README.md
	.venv/bin/python benchmarks/deletion.py
	.venv/bin/python benchmarks/loading.py
	.venv/bin/python benchmarks/contention.py
	.venv/bin/python benchmarks/records.py
	.venv/bin/python benchmarks/purging.py
	.venv/bin/python benchmarks/refusal.py
	.venv/bin/python benchmarks/hostile.py
	.venv/bin/python benchmarks/enumeration.py
	.venv/bin/python benchmarks/warm.py
	.venv/bin/python benchmarks/costs.py

CLIENTS ?= 32
SECONDS_OF_LOAD ?= 60
.PHONY: load
load: install ## let CLIENTS=32 clients call a running service for SECONDS_OF_LOAD=60, and hold its answers to be true
	.venv/bin/python benchmarks/under_load.py --clients $(CLIENTS) --seconds $(SECONDS_OF_LOAD) $(if $(DYNAMODB_URL),--dynamodb-url $(DYNAMODB_URL))

.venv/bench: .venv/installed requirements/bench.txt
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

.PHONY: compare
compare: .venv/bench ## measure deletions beside the ways in which it is done without expunge, and draw it (ten minutes and more)
	.venv/bin/python benchmarks/comparison.py $(if $(DYNAMODB_URL),--dynamodb-url $(DYNAMODB_URL) --engine "DynamoDB Local")
	.venv/bin/python benchmarks/comparison_picture.py

.PHONY: scale
scale: install ## simulate what several functions do at a large size, and draw it (ten minutes and more)
	.venv/bin/python benchmarks/scale.py
	.venv/bin/python benchmarks/picture.py

# SAM CLI and checkov pin what others need newer, so each lives apart.
.venv-sam/installed: requirements/sam.txt
	$(PYTHON) -m venv --clear .venv-sam
	.venv-sam/bin/$(RECENT_PIP)
	.venv-sam/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/sam.txt
	@touch $@

.PHONY: build
build: install .venv-sam/installed ## build what is deployed, and print its sizes
	PATH="$(CURDIR)/.venv/bin:$$PATH" .venv-sam/bin/sam build
	.venv/bin/python benchmarks/artifact_sizes.py

.PHONY: deploy
deploy: build ## build, then deploy to AWS, asking for every parameter
	.venv-sam/bin/sam deploy --guided

.venv-checkov/installed: requirements/checkov.txt
	$(PYTHON) -m venv --clear .venv-checkov
	.venv-checkov/bin/$(RECENT_PIP)
	.venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/checkov.txt
	@touch $@

# So do pip-audit and what writes bills of materials.
.venv-audit/installed: requirements/audit.txt
	$(PYTHON) -m venv --clear .venv-audit
	.venv-audit/bin/$(RECENT_PIP)
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/audit.txt
	@touch $@

.PHONY: audit
audit: install .venv-checkov/installed .venv-audit/installed ## hold the template to checkov's rules, the layer to known vulnerabilities
	.venv-checkov/bin/checkov
	.venv/bin/python supply/vulnerabilities.py .venv-audit/bin/pip-audit

.PHONY: sbom
sbom: install .venv-audit/installed ## write what the layer carries to .aws-sam/layer.cdx.json (CycloneDX)
	.venv/bin/python supply/materials.py .venv-audit/bin/cyclonedx-py .aws-sam/layer.cdx.json

# What builds the site is of no use to anything else, so it lives apart as well.
.venv-docs/installed: requirements/docs.txt
	$(PYTHON) -m venv --clear .venv-docs
	.venv-docs/bin/$(RECENT_PIP)
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt
	@touch $@

# Schemathesis brings pytest and Hypothesis of its own choice, so it lives apart too.
.venv-schemathesis/installed: .venv/installed requirements/schemathesis.txt
	$(PYTHON) -m venv --clear .venv-schemathesis
	.venv-schemathesis/bin/$(RECENT_PIP)
	.venv-schemathesis/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/schemathesis.txt
	@touch $@

CASES ?= 10
.PHONY: schemathesis
schemathesis: .venv-schemathesis/installed ## hold a running service to openapi.yaml, with at most CASES=10 of each operation and phase
	.venv/bin/python tests/schemathesis/hold.py .venv-schemathesis/bin/schemathesis $(CASES) $(OPTIONS)

# mutmut brings a terminal's whole user interface along.
.venv-mutation/installed: requirements/dev.txt requirements/mutation.txt pyproject.toml
	$(PYTHON) -m venv --clear .venv-mutation
	.venv-mutation/bin/$(RECENT_PIP)
	.venv-mutation/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	.venv-mutation/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/mutation.txt
	.venv-mutation/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# mutmut tells mutants apart by the path of their file, so the package has to lie at the top of where it runs.
MUTATED = layers/expunge/expunge
BESIDE = benchmarks cli docs events functions layers openapi.yaml pyproject.toml README.md template.yaml tests
.PHONY: mutation
mutation: .venv-mutation/installed ## see which small faults in the code the tests notice (hours), or in MUTANTS='expunge.table.search.*'
	mkdir -p .mutation
	ln -sfn $(addprefix ../,$(MUTATED) $(BESIDE)) .mutation
	cd .mutation && ../.venv-mutation/bin/mutmut run --max-children 1 $(if $(MUTANTS),$(foreach each,$(MUTANTS),'$(each)'))
	.venv-mutation/bin/python tests/mutation/mutants.py tell

RUNS ?= 10000
SEED ?= 1
.PHONY: soak
soak: install ## play runs full of faults, RUNS=10000 of them from SEED=1 on, and report what broke
	.venv/bin/python -m tests.soak --runs $(RUNS) --seed $(SEED)

.PHONY: docs
docs: .venv-docs/installed ## build the documentation as a site in .site, and check its links
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --config-file site/mkdocs.yml

LOCK = .venv-lock/bin/uv pip compile --quiet --generate-hashes --no-header --no-annotate --upgrade
.PHONY: lock
lock: ## pin the newest versions of everything, with hashes
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --upgrade uv
	$(LOCK) --python-version 3.13 --output-file layers/expunge/requirements.txt pyproject.toml
	$(LOCK) --universal --python-version 3.11 --extra cli --group dev --constraints layers/expunge/requirements.txt \
		--output-file requirements/dev.txt pyproject.toml
	$(LOCK) --universal --python-version 3.11 --group browser --constraints requirements/dev.txt \
		--output-file requirements/browser.txt
	$(LOCK) --universal --python-version 3.11 --group bench --constraints requirements/dev.txt \
		--output-file requirements/bench.txt
	echo aws-sam-cli | $(LOCK) --universal --python-version 3.11 --output-file requirements/sam.txt -
	echo mkdocs-material | $(LOCK) --universal --python-version 3.11 --output-file requirements/docs.txt -
	echo checkov | $(LOCK) --universal --python-version 3.11 --output-file requirements/checkov.txt -
	printf 'cyclonedx-bom\npip-audit\n' | $(LOCK) --universal --python-version 3.11 --output-file requirements/audit.txt -
	echo schemathesis | $(LOCK) --universal --python-version 3.11 --output-file requirements/schemathesis.txt -
	echo mutmut | $(LOCK) --universal --python-version 3.11 --constraints requirements/dev.txt \
		--output-file requirements/mutation.txt -
