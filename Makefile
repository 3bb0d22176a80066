# Everything from a bare clone with Python 3.11 or newer and pip or uv: each target does the set-up that it needs.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
OUT    ?= runs/digits_quick_$(shell date +%Y-%m-%d_%H-%M-%S)
CORES  := $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1); [ $$n -le 8 ] && echo $$n || echo 8)
PYTEST := $(BIN)/python -m pytest -n $(CORES)

# Every test of a command starts a process: with compiled modules kept, its imports take half the time.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help setup run test test-slow check lint format types bench crash docs
.NOTPARALLEL: # check stops at the first of its steps that fails

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: $(READY)  ## make .venv and install eqntk there with all it needs
	@echo "ready: $(BIN)/eqntk --help"

# medmnist asks for torch, of which nothing is used: the override leaves it out and saves 5 GB. The environment is
# made without pip of its own, since not every system has the wheels for that; uv comes by whatever there is.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is too old; Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip $(VENV)
	@test -x $(BIN)/uv || \
	  if $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	    $(PYTHON) -m pip --disable-pip-version-check --python $(BIN)/python install --quiet uv; \
	  elif command -v uv >/dev/null 2>&1; then \
	    uv pip install --quiet --python $(BIN)/python uv; \
	  elif $(BIN)/python -m ensurepip >/dev/null 2>&1; then \
	    $(BIN)/python -m pip --disable-pip-version-check install --quiet uv; \
	  else \
	    echo "$(PYTHON) has neither pip nor ensurepip, and no uv is on the PATH; expected one of them to install with:" \
	      "install one, or name a Python that has pip: make PYTHON=/path/to/python3"; exit 1; \
	  fi
	@printf 'torch ; sys_platform == "never"\ntorchvision ; sys_platform == "never"\n' > $(VENV)/overrides.txt
	$(BIN)/uv pip install --python $(BIN)/python --override $(VENV)/overrides.txt -c constraints.txt -e '.[dev]'
	@touch $@

run: $(READY)  ## the whole comparison on 8x8 digits: three models, two controls, verdict and report (minutes)
	$(BIN)/eqntk sweep experiment=digits_quick --out $(OUT)
	$(BIN)/eqntk compare-runs $(OUT)

test: $(READY)  ## the tests
	$(PYTEST) --dist loadfile --no-loadscope-reorder

test-slow: $(READY)  ## the tests that take minutes each
	$(PYTEST) --dist loadgroup -m slow

check: lint format types test  ## lint, format, types and tests, in this order: what CI runs

lint: $(READY)  ## only the linter
	$(BIN)/ruff check .

format: $(READY)  ## only whether the files are formatted
	$(BIN)/ruff format --check .

types: $(READY)  ## only the type checker
	$(BIN)/mypy

bench: $(READY)  ## benchmarks: ratios measured in one run
	@for suite in experiments/bench_*.py; do echo "$$suite"; $(BIN)/python $$suite || exit 1; done

crash: $(READY)  ## commands killed 1,000 times at every moment, and held to the same bits; goes on where it was
	$(BIN)/python experiments/crash_certificate.py

docs: $(VENV)/.docs  ## the documentation in build/docs, from pages, docstrings and the schema; strict
	$(BIN)/mkdocs build --strict
	@echo "documentation: build/docs/index.html"

$(VENV)/.docs: $(READY)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --override $(VENV)/overrides.txt -c constraints.txt -e '.[docs]'
	@touch $@
