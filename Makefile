# Every target makes its environment by itself and uses it again while it is current.
SHELL := /bin/bash
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
SUPERSET := $(CURDIR)/.envs/superset
export DO_NOT_TRACK := 1
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo demo-stream up down bi bi-environment dclint soak test test-full test-long check docs bench bench-quick

demo: $(VENV)/.current
	@DVINA_INBOX=$(CURDIR)/samples $(BIN)/dvina demo

demo-stream: $(VENV)/.current
	@$(BIN)/dvina demo-stream

# Airflow's servers on loopback, detached; DVINA_AIRFLOW_PORT names another port than 8080.
up: $(VENV)/.current
	@$(BIN)/python -m dvina.serving up

down: $(VENV)/.current
	@$(BIN)/python -m dvina.serving down

# Superset with Dvina's dashboards on loopback, in an environment of its own.
bi: $(VENV)/.current bi-environment
	@$(BIN)/python -m bi.superset

bi-environment: $(VENV)/.current $(SUPERSET)/.current

$(SUPERSET)/.current: bi/superset/requirements.txt
	@$(BIN)/uv venv --quiet --clear --python 3.11 $(SUPERSET)
	@VIRTUAL_ENV=$(SUPERSET) $(BIN)/uv pip install --quiet -r bi/superset/requirements.txt
	@touch $@

# A linter of docker-compose.yml, where npm is; with it one test more is run.
dclint:
	@npm install --silent --no-audit --no-fund --prefix .envs/dclint dclint@3.1.0

soak: $(VENV)/.current
	@$(BIN)/python -m pytest -m long tests/streams

# Two tests at a time, those of one file together: fixtures of a file are made once.
test: $(VENV)/.current
	@$(BIN)/python -m pytest -n $(or $(TESTS_AT_ONCE),2) --dist loadfile --no-loadscope-reorder -m "not long"

test-full: $(VENV)/.current
	@$(BIN)/python -m pytest

test-long: $(VENV)/.current
	@$(BIN)/python -m pytest -m long -k "$(or $(SELECT),test)"

# One page about models, columns and lineage that opens from the disk and loads nothing from elsewhere.
DOCS := --project-dir dbt_project --profiles-dir dbt_project --target-path $(CURDIR)/var/docs \
	--log-path $(CURDIR)/var/docs
docs: export DVINA_WAREHOUSE := :memory:
docs: $(VENV)/.current
	@mkdir -p var/docs
	@$(BIN)/dbt --quiet parse $(DOCS)
	@$(BIN)/dbt --quiet docs generate --static --empty-catalog --no-compile $(DOCS)
	@echo "$(CURDIR)/var/docs/static_index.html"

bench: $(VENV)/.current
	@$(BIN)/python -m bench

bench-quick: $(VENV)/.current
	@$(BIN)/python -m bench --quick

check: $(VENV)/.current
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint dbt_project
	@$(BIN)/lint-imports

$(VENV)/.current: uv.lock pyproject.toml
	@test -x $(BIN)/uv || { python3 -m venv $(VENV) && $(BIN)/python -m pip install --quiet --disable-pip-version-check uv; }
	@VIRTUAL_ENV=$(VENV) UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --locked --quiet --inexact
	@touch $@
