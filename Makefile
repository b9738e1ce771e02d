# `make run` shows what the tool does; `make test` is the whole check of correctness; `make check` adds lint, types and
# import contracts. Everything is installed into .venv, by whichever target needs it first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check bench docs studies notebooks site clean

run: .venv/run
	$(BIN)/pagopa-sim run scenarios/baseline.yaml

test: .venv/test
	$(BIN)/python -m pytest -n auto

check: .venv/test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/test
	$(BIN)/python -m benchmarks.bench

docs: .venv/run # the pages that are made from tables in the code
	$(BIN)/python -m sim.report.reference

studies: .venv/test # type the commands of docs/studies again and record what they print: a quarter of an hour on two cores
	$(BIN)/python docs/studies/record.py

notebooks: .venv/notebook # execute them all; what they show is not kept, and what each costs is said (notebooks/conftest.py)
	$(BIN)/python -m pytest --nbmake --nbmake-timeout=300 --timeout=900 notebooks

site: .venv/docs # the documents as pages, in build/site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/test: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ .venv/run

.venv/notebook: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[notebook]'
	touch $@ .venv/run

.venv/docs: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@ .venv/run

clean:
	rm -rf .venv
