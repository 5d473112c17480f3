# The system's Python 3.11 or 3.12 makes the environment; PYTHON=... chooses another.
PYTHON ?= python3
BIN := .venv/bin

# A process a core, four at most: each loads TensorFlow and takes up to 2.5 GB.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
	--no-loadscope-reorder --max-worker-restart 0

FAST := -m "not slow and not browser"
SLOW := -m "slow or browser"

.PHONY: demo lint test test-slow test-all test-times coverage format pictures

demo: .venv/installed
	$(BIN)/python app.py

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test: lint
	$(PYTEST) $(FAST)

test-slow: .venv/installed-dev
	$(PYTEST) $(SLOW)

test-all: test test-slow

# How long each of the two takes, and which test files take most of it.
test-times: .venv/installed-dev
	$(BIN)/python benchmarks/suite.py '$(PYTEST) $(FAST)' '$(PYTEST) $(SLOW)'

coverage: .venv/installed-dev
	$(PYTEST) --cov isic_api --cov model --cov demo

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

pictures: .venv/installed-dev
	$(BIN)/python -m tests.demo.pictures

.venv/installed: requirements.txt
	$(PYTHON) -c "import sys; ok = (3, 11) <= sys.version_info < (3, 13); sys.exit(None if ok else 'Python 3.11 or 3.12 is needed. Name one with: make PYTHON=python3.12')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	touch $@
