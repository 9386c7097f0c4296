# One command surface; .ci/run calls the same targets. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.inferstack-ready
PLAN_STAMP := $(VENV)/.inferstack-plans
PACKAGES := inferstack infra playbooks sizing stacks tools/calibration

FAST := not engine and not hosts and not e2e and not lint and not browser and not wheel
RESOLVE := uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header -q

.DEFAULT_GOAL := help
.PHONY: help setup setup-plan system-packages test-packages toolchain demo test test-fast test-pythons test-wheel test-flashinfer check-exports field check lint schemas docs lock bench-cli bench-sizing bench-simulator bench-fleet bench-preview calibrate accuracy check-accuracy digest mutants clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(STAMP)  ## make .venv from the lock file, without root

$(STAMP): requirements/all.lock pyproject.toml tools/setup.sh
	@PYTHON="$(PYTHON)" sh tools/setup.sh $(VENV) all
	@touch $(PLAN_STAMP) $@

setup-plan: $(PLAN_STAMP)  ## make .venv with what plans, prices and reports alone; `make setup` makes it whole

$(PLAN_STAMP): requirements/plan.lock pyproject.toml tools/setup.sh
	@PYTHON="$(PYTHON)" sh tools/setup.sh $(VENV) plan
	@touch $@

system-packages:  ## install the Debian packages that rehearsal hosts need (root), or say the command
	@sh tools/system-packages.sh

test-packages:  ## system-packages, and a headless Chromium for the tests of the report
	@sh tools/system-packages.sh tests

toolchain: setup  ## find, get or build the Pulumi CLI
	@$(BIN)/python -m inferstack.stack.toolchain >/dev/null

demo: setup system-packages toolchain  ## plan, preview, up, bench and down of a rehearsed cluster
	@$(BIN)/inferstack demo --yes

test: setup test-packages toolchain  ## every lane that this machine allows
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@$(BIN)/python -m pytest -ra -n 2 --dist loadfile

test-fast: setup  ## no root, no network, no engine: under a minute
	@$(BIN)/python -m pytest -m "$(FAST)"

test-pythons: setup  ## test-fast on the other supported Pythons that this machine has
	@sh tools/test_pythons.sh $(VENV) "$(FAST)"

field: setup  ## cases from vendors' examples, public logs and reports, kind by kind; exit 1 where one does not hold
	@$(BIN)/python tests/field/run.py --python $(BIN)/python --project .

test-wheel: setup  ## the wheel of a clean clone, alone in an empty environment (installs packages: needs a package index)
	@$(BIN)/python -m pytest -rA -s -m wheel tests/packaging

test-flashinfer: setup system-packages  ## FlashInfer of vLLM's lock, imported under vLLM's own unit on a node (root; the first time installs 7 GB of packages)
	@$(BIN)/python -m pytest -rA tests/playbooks/flashinfer_import.py

check-exports: setup  ## every document of `inferstack export`, read by the tool it is for (1 GB of packages in the cache the first time; Go for three of them)
	@$(BIN)/python -m pytest -rA tests/inferstack/exports/loaded_by_tools.py

check: setup lint  ## lint, types, layers, the rules of the house and the fast tests
	@$(BIN)/python -m pytest -m "not engine and not hosts and not e2e and not browser and not wheel"

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/house.py

schemas: setup  ## write docs/reference/schemas from the records
	@$(BIN)/python tools/write_schemas.py

docs: schemas  ## write the generated reference pages, and what the commands of the pages print
	@$(BIN)/python tools/write_reference.py
	@$(BIN)/python tools/write_blocks.py

lock:  ## resolve requirements/*.lock anew from pyproject.toml (needs uv)
	@$(RESOLVE) --extra cloud --extra rehearsal --extra dev -o requirements/all.lock
	@$(RESOLVE) -c requirements/all.lock -o requirements/plan.lock

calibrate: setup  ## refit the constants to tools/calibration/measured, write the facts and docs/accuracy.md (3 to 6 minutes)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tools.calibration calibrate

accuracy: setup  ## try the constants on what they have not seen, write docs/accuracy.md (3 to 6 minutes)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tools.calibration accuracy
	@$(BIN)/python -m tools.calibration.memory_accuracy

check-accuracy: setup  ## make docs/accuracy.md and its pictures anew, exit 1 where a byte differs (2 to 4 minutes)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tools.calibration check

digest: setup  ## a line for each part of what is computed; AGAINST=DIR: beside another checkout, exit 1 where one differs (20 seconds each)
	@$(BIN)/python tools/digest.py $(if $(AGAINST),--against "$(AGAINST)")

mutants: setup  ## change one operator, number or condition at a time and see which changes no test notices; writes docs/reference/mutants.md (3 minutes of processor time)
	@$(BIN)/python -m tools.mutants --write

bench-cli: setup  ## start-up time of `inferstack plan` beside `python -c pass`
	@$(BIN)/python tools/bench_cli.py

sweep-table: setup  ## what is left when each list call of the sweep is denied or throttled: one line each (5 to 8 minutes)
	@$(BIN)/python tools/sweep_table.py

bench-sizing: setup  ## answers a second and time of a whole plan
	@$(BIN)/python tools/bench_sizing.py

bench-simulator: setup  ## CPU time of 10,000 simulated requests; closed forms beside the simulator
	@$(BIN)/python tools/bench_simulator.py
	@$(BIN)/python tools/compare_simulator.py

bench-fleet: setup  ## time and proven gap of a fleet of 100 models on all GPU instance types
	@$(BIN)/python tools/bench_fleet.py

bench-preview: setup toolchain  ## what the cost outputs and the policy pack add to a preview
	@$(BIN)/python tools/bench_preview.py

clean:  ## remove what make made; running rehearsals are taken down first
	@if [ -x $(BIN)/inferstack ] && [ -d .inferstack ]; then $(BIN)/inferstack down --all-rehearsals --yes || true; fi
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist
