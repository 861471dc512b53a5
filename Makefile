# `make` lists the targets. Everything runs in .venv, made with the first Python 3.11-3.13 that is found
# (another one: make PYTHON=/path/to/python3.12 ...). The versions come from constraints.txt alone.
PYTHON ?=
PY := .venv/bin/python
STAMP := .venv/.installed
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
# A cell may take 30 minutes; a kernel that died is found out after that, not after nbval's longer default.
PYTEST := $(PY) -m pytest --nbval-lax --nbval-current-env --nbval-cell-timeout=1800 tests $(NOTEBOOKS)
# Tests and runs compute their results anew: each starts with an empty results cache of its own.
fresh = rm -rf build/cache-$(1) && PETCOURSE_SIZE=$(1) PETCOURSE_CACHE="$(CURDIR)/build/cache-$(1)"

# Executed copies of the notebooks, each made once, whoever asks for it: `make run`, `make site` or `make slides`.
SIZE := $(or $(PETCOURSE_SIZE),full)
ifneq ($(SIZE),full)
ifneq ($(SIZE),small)  # a folder that is deleted has it in its name
$(error PETCOURSE_SIZE is '$(SIZE)', but full or small is wanted: change it or leave it out)
endif
endif
RUN := $(SIZE)$(if $(filter-out 0 false False FALSE no No NO off Off OFF,$(PETCOURSE_QUICK)),-quick)
EXECUTED := build/executed/$(RUN)
COPIES := $(NOTEBOOKS:notebooks/%=$(EXECUTED)/%)
PACKAGE := $(shell find petcourse -name __pycache__ -prune -o -type f -print)
MODULES := $(filter-out %/__init__.py %/__main__.py petcourse/exercises/%,$(filter %.py,$(PACKAGE)))
NPM := docs/node_modules/.package-lock.json

.NOTPARALLEL:  # a notebook finds in the cache what those before it have computed
.PHONY: help setup lab test test-full run times site api slides usb address test-pages lint constraints clean
help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '%-12s %s\n' "$$name" "$$text"; done

setup: $(STAMP)  ## make .venv and install the package (done by the targets below when needed)

lab: $(STAMP)  ## open JupyterLab on the notebooks (more options: make lab ARGS="--no-browser --port=8890")
	$(PY) -m jupyterlab --ServerApp.ip=127.0.0.1 --ServerApp.root_dir="$(CURDIR)/notebooks" $(AS_ROOT) $(ARGS)

test: $(STAMP)  ## unit tests and every notebook at small size, embedded phantom (under 10 minutes)
	$(call fresh,small) PETCOURSE_BRAINWEB= $(PYTEST) -m "not slow" $(ARGS)

test-full: $(STAMP)  ## slow unit tests, notebooks at full size, 06 on fewer heads (BrainWeb from PETCOURSE_BRAINWEB if set)
	$(call fresh,full) PETCOURSE_QUICK=1 $(PYTEST) -m "slow or notebook" $(ARGS)

run: $(STAMP)  ## execute all notebooks anew, in order, at full size; copies and a table of time and memory in build/executed
	rm -rf "$(EXECUTED)" "build/cache-$(RUN)"
	$(MAKE) $(COPIES)

$(EXECUTED)/%.ipynb: notebooks/%.ipynb $(PACKAGE) | $(STAMP)
	PETCOURSE_SIZE=$(SIZE) PETCOURSE_CACHE="$(CURDIR)/build/cache-$(RUN)" $(PY) -m benchmarks.notebooks $(EXECUTED) $<

times: $(STAMP)  ## write what `make run` measured into README and the notebooks
	$(PY) -m benchmarks.times build/executed/full

site: $(COPIES) $(NPM)  ## every notebook, executed, as a page in build/site, which needs no network
	$(PY) scripts/pages.py site $(EXECUTED) build/site
	$(MAKE) api

api: $(STAMP)  ## a page on each module of the package, from its docstrings, in build/site/api
	$(PY) -m pdoc --docformat numpy --output-directory build/site/api $(subst /,.,$(MODULES:.py=))

slides: $(COPIES) $(NPM)  ## every notebook as a deck of slides in build/slides, which needs no network
	$(PY) scripts/pages.py slides $(EXECUTED) build/slides

test-pages: slides site  ## look at them in a browser; pictures of all in build/screens
	$(PY) -m pytest tests/course/test_pages_browser.py $(ARGS)

SYSTEMS := linux windows macos
PYTHONS := 3.12
usb: $(STAMP)  ## course and wheels for a USB stick in build/usb (for others: make usb SYSTEMS=windows PYTHONS="3.11 3.12")
	$(PY) -m pip install --quiet uv
	$(PY) scripts/usb.py $(SYSTEMS) $(PYTHONS)

address:  ## write where the course lives into README's badges and the notebooks (make address REPOSITORY=somebody/petcourse)
	@echo "$(REPOSITORY)" | grep -qx '[A-Za-z0-9-]*/[A-Za-z0-9._-]*' || { echo "name it: make address REPOSITORY=somebody/petcourse" >&2; exit 1; }
	@grep -q 'OWNER/petcourse' README.md || { echo "README.md has its address already: write another one over it by hand, there and in notebooks/*.ipynb" >&2; exit 1; }
	sed -i.bak 's#OWNER/petcourse#$(REPOSITORY)#g' README.md notebooks/*.ipynb && rm README.md.bak notebooks/*.bak

$(NPM): docs/package-lock.json
	@command -v npm >/dev/null || { echo "npm is wanted, which fetches reveal.js and MathJax: install Node.js 18 or newer." >&2; exit 1; }
	npm ci --prefix docs --no-audit --no-fund
	@touch $@

lint: $(STAMP)  ## ruff: mistakes everywhere, layout in the Python files
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

constraints: $(STAMP)  ## renew constraints.txt from the ranges in pyproject.toml (one list for every Python and system)
	$(PY) -m pip install --quiet uv
	$(PY) -m uv pip compile pyproject.toml --extra test --extra kernels --upgrade --universal --python-version 3.11 \
	  --fork-strategy fewest --no-annotate --no-header --quiet --output-file constraints.txt

clean:  ## remove what was built (not .venv: delete that folder by hand)
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis
	find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# JupyterLab refuses to start as root (a container) unless told; it listens on the loopback only, with a token.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

# .venv is kept if its Python runs, has pip, and is of a tested version: of that of PYTHON, if one was named.
version = $(filter 3.11 3.12 3.13,$(shell { $(1) -c 'import sys$(2); print("%d.%d" % sys.version_info[:2])'; } 2>/dev/null))
KEPT := $(call version,$(PY),; import pip)
ifneq ($(PYTHON),)
KEPT := $(filter $(call version,$(PYTHON)),$(KEPT))
endif

# If not, it is made anew, however fresh the stamp. A pyenv shim may exist and still fail: a candidate must run.
ifeq ($(KEPT),)
CANDIDATES := $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)
BASE := $(firstword $(foreach candidate,$(CANDIDATES),$(if $(call version,$(candidate)),$(candidate))))
$(STAMP): .venv
.PHONY: .venv
.venv:
	$(if $(BASE),,$(error None of these is a working Python 3.11, 3.12 or 3.13: $(CANDIDATES); install one, or name it: make PYTHON=/path/to/python3.12))
	$(BASE) -m venv --clear .venv
endif

$(STAMP): pyproject.toml constraints.txt
	@echo "Installing the tested versions into .venv (a minute or two, about 2.3 GB)"
	$(PY) -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	@touch $@
