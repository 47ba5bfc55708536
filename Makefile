# `make` alone lists what there is. README.md gives the same steps without make.

PYTHON ?= python3
RUN := .venv/bin/python
ifeq ($(OS),Windows_NT)
RUN := .venv/Scripts/python.exe
endif

DAILY := tests/core tests/js tests/book/test_notebooks.py tests/book/test_mutants.py tests/book/test_style.py

.DEFAULT_GOAL := help
.PHONY: help env book check test test-colab lab serve notebooks exercises mutants bench pictures repository lint-js clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

env:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found: install Python 3.11, 3.12 or 3.13 (python.org/downloads)" >&2; exit 1; }
	@$(PYTHON) -m tools.environment

book: env  ## create .venv, run every notebook, build _build/html/index.html
	@$(RUN) -m tools.build

check: env  ## the tests of daily work, in a minute: the core, lint, the form of notebooks, mutants
	@$(RUN) -m pytest -n 2 --dist worksteal -m "not slow and not browser and not site" $(DAILY)

test: env  ## run every test: notebooks cell by cell, then the book that they make, then the rest
	@$(RUN) -m tools.find_browser >/dev/null
	@$(RUN) -m tools.every_test

lab: env  ## open chapters and exercises in JupyterLab
	@$(RUN) -m jupyterlab --LabApp.default_url=/lab/tree/chapters/01_average_pooling.ipynb

serve: book  ## show the built book on http://127.0.0.1:8000
	@$(RUN) -m http.server --bind 127.0.0.1 --directory _build/html 8000

notebooks: env  ## run every notebook in place and store its outputs in canonical form
	@$(RUN) -m tools.notebooks

exercises: env  ## write the exercise notebooks from exercises/solutions
	@$(RUN) -m tools.exercise_stubs

mutants: env  ## break the code on purpose, one fault at a time: each must turn a test red
	@$(RUN) -m tests.mutants

bench: book  ## compare speed with peers, measure redraws and page weights
	@$(RUN) -m benchmarks.bench

pictures: book  ## draw the pictures for the README and for links, from the built book
	@$(RUN) -m tools.pictures

repository: env  ## rewrite the repository's address everywhere: make repository URL=https://github.com/OWNER/NAME
	@$(RUN) -m tools.repository $(URL)

lint-js:  ## ESLint and types of the JavaScript (needs npm)
	@command -v npm >/dev/null || { echo "make: npm not found: install Node.js 22 or later (nodejs.org), which brings it" >&2; exit 1; }
	@npm ci --silent --ignore-scripts --no-audit --no-fund
	@npm run --silent lint

test-colab: env  ## run every notebook in what Colab has, from its setup cell on
	@$(RUN) -m tests.colab.run

clean:  ## remove everything that was built (.venv stays)
	@rm -rf _build .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
