# Make owns the environment and the verbs; loyalty_helpers/report.py owns the run.
# GNU make 3.81 features only, so that the make of macOS will do.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
CLIENT ?= sample
SHARE ?= 0.1
N ?= 10000
export CLIENT SHARE SEED N FROM

# An active environment (conda, Binder, a venv of your own) that has this very package installed is used as it is;
# .venv itself, active or not, is kept in step with the lock.
FIND_ME := import importlib.util as u, pathlib as p, sys; s = u.find_spec("loyalty_helpers"); \
  sys.exit(not (s and p.Path(s.origin).resolve().parent.parent == p.Path.cwd().resolve()))
ifneq ($(VIRTUAL_ENV),$(CURDIR)/.venv)
  ACTIVE := $(if $(VIRTUAL_ENV)$(CONDA_PREFIX),$(shell python -I -c '$(FIND_ME)' 2>/dev/null && echo yes))
endif
ifeq ($(ACTIVE),yes)
  PYTHON := python
  READY :=
else
  PYTHON := .venv/bin/python
  READY := .venv/.ready
endif
RUN := $(PYTHON) -m loyalty_helpers
# in the order of the run: each reads what those before it wrote
CHAPTERS := 01_data_prep 02_scoring 04_program_evaluation 02b_customers_in_depth 03_case_study_comparison 00_summary

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

report: $(READY) ## build the report of CLIENT (default: sample) in reports/CLIENT
	@$(RUN) report -- "$$CLIENT"

check: $(READY) ## say what was understood of data/CLIENT, without building anything
	@$(RUN) check -- "$$CLIENT"

new: $(READY) ## start a client: make new CLIENT=acme [FROM=path/to/exports/]
	@$(RUN) --from="$$FROM" new -- "$$CLIENT"

formats: $(READY) ## list the exports that make new recognises
	@$(RUN) formats

holdout: $(READY) ## draw customers to leave out of the next campaign: make holdout CLIENT=acme SHARE=0.1 [SEED=7]
	@$(RUN) --share="$$SHARE" --seed="$$SEED" holdout -- "$$CLIENT"

purge: $(READY) ## remove what was made of the data of CLIENT; the exports stay
	@$(RUN) purge -- "$$CLIENT"

lab: $(READY) ## open the chapters in JupyterLab
	@$(PYTHON) -m jupyterlab notebooks

test: $(READY) ## run every test
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m pytest -n 2 -q
	@$(PYTHON) -m pytest --nbval --nbval-sanitize-with tests/nbval.cfg -q $(CHAPTERS:%=notebooks/%.ipynb) notebooks/validation/validation.ipynb

validate: $(READY) ## measure how far the estimates can be trusted (QUICK=1: in two minutes; CLIENT=acme: on its own orders)
	@$(RUN) $(if $(QUICK),--quick) validate -- "$$CLIENT"

fuzz: $(READY) ## read N hostile exports (default: 10000) on all cores [SEED=1]
	@$(PYTHON) tests/fuzz.py --cases "$$N" --seed "$${SEED:-1}"

sample: $(READY) ## make data/sample again, byte for byte
	@$(RUN) sample

notebooks: $(READY) ## execute the chapters on the sample and keep them, executed, in notebooks/
	@$(RUN) notebooks

bench: $(READY) ## measure speed and memory, as ratios in one run
	@$(PYTHON) tests/bench.py

clean: ## remove the environment, and what was built for CLIENT; raw files stay
	@case "$$CLIENT" in ''|*[!A-Za-z0-9_-]*) echo "CLIENT='$$CLIENT' cannot name a client." >&2; exit 1;; esac
	@rm -rf .venv "data/$$CLIENT/prepared" "reports/$$CLIENT" "reports/$$CLIENT.failed"

.PHONY: help report check new formats holdout purge lab test sample notebooks bench validate fuzz clean lock

.venv/.ready: requirements.lock pyproject.toml
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or later is needed (python.org has it); python3 here is: $$(python3 --version 2>&1)." >&2; exit 1; }
	@echo "Making the environment in .venv (once)"
	@rm -rf .venv
	@python3 -m venv .venv || { \
	  echo "Python cannot make environments here; on Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check uv
	@VIRTUAL_ENV="$$PWD/.venv" .venv/bin/uv pip sync --quiet --require-hashes requirements.lock
	@VIRTUAL_ENV="$$PWD/.venv" .venv/bin/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# For maintainers: after a change of the dependencies in pyproject.toml.
lock:
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate \
	  pyproject.toml --output-file requirements.lock
