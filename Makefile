# Two commands do everything: "make run" starts Scarp on a demonstration project, "make test" checks it.
.DELETE_ON_ERROR:
.PHONY: help run demo test lint bench clean

VENV := .venv
BENCH := .venv-bench
PY := $(VENV)/bin/python
# Python compiles what it imports, once: compiling every package here would take a minute more, and where Python may not
# keep what it compiled, as in many containers, each start takes 10 seconds more.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := -m pip install --disable-pip-version-check --no-compile
PORT ?= 8501
export SCARP_PROJECTS ?= $(CURDIR)/projects

# An environment that does not start, or that was moved here with its folder, is made again.
ifneq ($(shell cat $(VENV)/.made 2>/dev/null && $(PY) -c "" 2>&1),$(CURDIR))
$(shell rm -f $(VENV)/.made)
endif

help: ## Say what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

run: $(VENV)/.run ## Install what is needed, make the demonstration project, start the app (PORT=8501)
	@ls "$(SCARP_PROJECTS)"/demo/runs/*/run.json >/dev/null 2>&1 || $(VENV)/bin/scarp demo "$(SCARP_PROJECTS)/demo"
	@echo
	@echo "Scarp: http://127.0.0.1:$(PORT)   (Ctrl+C stops it)"
	@SCARP_PROJECT=demo $(PY) -m streamlit run app.py --server.address 127.0.0.1 --server.port $(PORT)

demo: $(VENV)/.run ## Make the demonstration project and run detection on it, without starting the app
	$(VENV)/bin/scarp demo "$(SCARP_PROJECTS)/demo"

test: ## Install what the tests need; check style, types and layers; run every test
	@$(MAKE) --no-print-directory --jobs=2 $(VENV)/.browser lint
	$(PY) -m pytest --ignore tests/e2e -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
	$(PY) -m pytest tests/e2e

lint: $(VENV)/.dev ## Check style, types and layers
	$(VENV)/bin/ruff check
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

bench: $(BENCH)/.made ## Measure speed against the machine's ceilings and other libraries (about 10 minutes, nothing else running)
	$(BENCH)/bin/python -m benchmarks --command "make bench"

clean: ## Remove the environment and every cache; projects stay
	rm -rf $(VENV) $(BENCH) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. Each stamp is written last, so that an interrupted step is done again.
define MAKE_VENV
for p in $(PYTHON) python3.11 python3; do
    command -v "$$p" >/dev/null && "$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' && python=$$p && break
done
if [ -z "$$python" ]; then
    echo "Scarp needs Python 3.11, and found none. On Debian 12: apt-get install python3 python3-venv" >&2
    echo "Elsewhere, name one: make run PYTHON=/path/to/python3.11" >&2
    exit 1
fi
if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "Python's venv module is missing. On Debian 12: apt-get install python3-venv" >&2
    exit 1
fi
rm -rf $(VENV) && "$$python" -m venv $(VENV) && printf %s "$(CURDIR)" > $(VENV)/.made
endef
export MAKE_VENV

$(VENV)/.made:
	@sh -c "$$MAKE_VENV"

$(VENV)/.run: $(VENV)/.made requirements.txt constraints.txt pyproject.toml
	@echo "Installing what Scarp runs on (about 3 GB on disk; some minutes the first time)"
	$(PY) $(INSTALL) -r requirements.txt -c constraints.txt
	$(PY) $(INSTALL) -q --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	$(PY) $(INSTALL) -q -r requirements-dev.txt -c constraints.txt
	@touch $@

# What the measurements compare with stays apart, in an environment that sees the app's. A peer that cannot be
# installed is left out, and shown as not measured.
define SEE_VENV
import os, site, sys; site.addsitedir(os.path.join(sys.prefix, "..", "$(VENV)", "lib", "python3.11", "site-packages"))
endef
export SEE_VENV

$(BENCH)/.made: $(VENV)/.run requirements-bench.txt
	rm -rf $(BENCH) && $(PY) -m venv $(BENCH)
	@echo "$$SEE_VENV" > $(BENCH)/lib/python3.11/site-packages/app.pth
	@echo "Installing what Scarp is compared with (about 0.6 GB on disk)"
	@while read -r line; do \
	    case "$$line" in ""|"#"*) continue;; esac; \
	    $(BENCH)/bin/python $(INSTALL) -q -c constraints.txt "$${line%%#*}" </dev/null \
	        || echo "LEFT OUT: $$line" >&2; \
	done < requirements-bench.txt
	@touch $@

# The browser tests drive Debian's Chromium. SCARP_WITHOUT_BROWSER=1 leaves them out, and says so.
define FIND_BROWSER
if [ "$$SCARP_WITHOUT_BROWSER" = 1 ]; then
    echo "SCARP_WITHOUT_BROWSER=1: THE BROWSER TESTS ARE LEFT OUT" >&2
    exit 0
fi
[ -x /usr/bin/chromium ] && [ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] && exit 0
sudo=
[ "$$(id -u)" = 0 ] || sudo="sudo -n"
if ! command -v apt-get >/dev/null || ! $$sudo true 2>/dev/null; then
    echo "The browser tests need Chromium and the DejaVu fonts: apt-get install chromium fonts-dejavu-core" >&2
    echo "Or leave these tests out: make test SCARP_WITHOUT_BROWSER=1" >&2
    exit 1
fi
$$sudo apt-get update -q && $$sudo apt-get install -q -y --no-install-recommends chromium fonts-dejavu-core
endef
export FIND_BROWSER SCARP_WITHOUT_BROWSER

.PHONY: $(VENV)/.browser
$(VENV)/.browser:
	@sh -c "$$FIND_BROWSER"
