# Everything a developer does, each as one command. `make help` lists them.
#
#   PYTHON=python3.12          another Python, 3.11 or newer
#   TORCH_ARGS="torch ..."     pip arguments for PyTorch instead of the automatic choice
#   PYTEST_ARGS="-k tie"       extra arguments for pytest
#   WORKERS=4                  processes that simulate while make networks trains

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
DEMO_OUT ?= demo-output
NAME ?= all
WORKERS ?= 14
PIP_INSTALL := $(BIN)/python -m pip install -qq --no-input --disable-pip-version-check
LOWEST_UV := .venv-lowest/bin/uv -q pip

# Threads that spin while they wait slow everything else on a small machine down. The package sees to it itself; tests and
# benchmarks load PyTorch before it.
export OMP_WAIT_POLICY := PASSIVE

# As many tests at once as there are processors, up to what memory holds; idle processes take tests from the others.
AT_ONCE := -n logical --maxprocesses 4 --dist worksteal

ifeq ($(shell uname -s),Linux)
XVFB := LIBGL_ALWAYS_SOFTWARE=1 xvfb-run --auto-servernum --server-args="-screen 0 1600x1200x24 -nolisten tcp"
# Each process starts a virtual display of its own; on one display windows take the keyboard from each other.
GUI_AT_ONCE := $(AT_ONCE)
endif

# Both halves of the tests, with the lines of the package that they reach, here and in the processes that they start.
define covered_tests
	$(1)/coverage erase
	$(1)/pytest tests --ignore=tests/gui --cov --cov-report= $(AT_ONCE) $(2) $(PYTEST_ARGS)
	DISPLAY= $(1)/pytest tests/gui --cov --cov-append --cov-report= $(GUI_AT_ONCE) $(2) $(PYTEST_ARGS)
	$(1)/coverage report --fail-under 92
endef

# Old versions announce what newer ones of their own dependencies will change.
OLD_WARNINGS := -W ignore::DeprecationWarning -W ignore::FutureWarning -W ignore::PendingDeprecationWarning

.PHONY: help demo reproduce app test lint format typecheck manifest docs unit gui-test gui-test-pyside coverage test-lowest audit screenshots afternoon bench-files bench-measure bench-tie bench-simulation bench-specimens bench-training bench-threads bench-window bench-networks bench-refining bench-real bench-search bench-adapt bench-inference faults mutants package package-install networks graphs bundle display clean distclean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.package ## Run the whole workflow on the sample images, into demo-output
	$(BIN)/napari-contransgan demo --out $(DEMO_OUT)

app: $(VENV)/.app ## Open napari with the plugin
	@$(BIN)/python tools/display_packages.py desktop
	$(BIN)/napari

test: lint typecheck manifest package docs unit gui-test ## Run every check and every test

lint: $(VENV)/.dev ## Check style, spelling and pyproject.toml
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/typos
	VALIDATE_PYPROJECT_NO_NETWORK=1 $(BIN)/validate-pyproject pyproject.toml

format: $(VENV)/.dev ## Format the code and fix what can be fixed automatically
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

typecheck: $(VENV)/.dev ## Check types
	$(BIN)/mypy

manifest: $(VENV)/.dev ## Check the plugin manifest
	$(BIN)/npe2 validate napari_contransgan

# --quiet would hide the warnings from --strict too, and the build would pass with broken links.
docs: $(VENV)/.dev ## Build the documentation as a site, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

unit: export OMP_NUM_THREADS := 1
unit: $(VENV)/.dev ## Run the tests that need no display
	$(BIN)/pytest tests --ignore=tests/gui $(AT_ONCE) $(PYTEST_ARGS)

gui-test: export OMP_NUM_THREADS := 1
gui-test: export DISPLAY :=
gui-test: $(VENV)/.dev display ## Run the tests in real napari windows, in parallel, each on a virtual display
	$(BIN)/pytest tests/gui $(GUI_AT_ONCE) $(PYTEST_ARGS)

# PySide6 6.12.0 loses references to None and ends Python 3.11 after some minutes.
gui-test-pyside: export OMP_NUM_THREADS := 1
gui-test-pyside: export DISPLAY :=
gui-test-pyside: export QT_API := pyside6
gui-test-pyside: display ## Run the tests in napari windows with PySide6 instead of PyQt6, in .venv-pyside
	$(MAKE) VENV=.venv-pyside .venv-pyside/.torch
	.venv-pyside/bin/python -m pip install -qq --no-input --disable-pip-version-check --editable ".[fast]" "PySide6!=6.12.0" --group dev
	.venv-pyside/bin/pytest tests/gui $(GUI_AT_ONCE) $(PYTEST_ARGS)

coverage: export OMP_NUM_THREADS := 1
coverage: $(VENV)/.dev display ## Run all tests, and list the lines of the package that they do not reach (1 hour)
	$(call covered_tests,$(BIN))

test-lowest: export OMP_NUM_THREADS := 1
test-lowest: .venv-lowest/.lowest display ## The same with the lowest versions that pyproject.toml allows, in .venv-lowest
	.venv-lowest/bin/python tools/check_lowest.py
	$(call covered_tests,.venv-lowest/bin,$(OLD_WARNINGS))

screenshots: $(VENV)/.dev display ## Update the pictures in docs/images
	$(XVFB) $(BIN)/python tools/screenshots.py docs/images

afternoon: $(VENV)/.dev display ## Work through an afternoon in a real window, with a picture of each step (10 minutes)
	$(XVFB) $(BIN)/python -m tools.afternoon docs/images/afternoon

reproduce: $(VENV)/.package ## Reproduce the paper's tables and figures, into reproduced/ (40 minutes)
	$(BIN)/napari-contransgan reproduce all --out reproduced

bench-tie: $(VENV)/.bench ## Compare the TIE solvers with the true phase, each other and another program, as tables (20 minutes)
	$(BIN)/python -m benchmarks.tie

bench-files: $(VENV)/.package ## Open files as users have them and retrieve their phase, as a table (1 minute)
	$(BIN)/python -m benchmarks.files

bench-measure: $(VENV)/.package ## Compare dry masses, bead heights and growth of simulated specimens with the truth (15 minutes)
	$(BIN)/python -m benchmarks.measuring --out docs/images

bench-simulation: $(VENV)/.package ## Measure the accuracy and speed of the digital microscope, as tables (10 minutes)
	$(BIN)/python -m benchmarks.simulation

bench-specimens: $(VENV)/.package ## Compare simulated specimens with real ones, as tables and pictures (2 minutes)
	$(BIN)/python -m benchmarks.specimens --out docs/images

bench-training: $(VENV)/.package ## Measure the speed of training, where its time goes, and what a run survives, as tables (10 minutes)
	$(BIN)/python -m benchmarks.training

bench-threads: $(VENV)/.package ## Measure prediction and training alone and next to busy programs, as a table (6 minutes)
	$(BIN)/python -m benchmarks.threads

bench-window: $(VENV)/.dev display ## Measure how long the window does not answer while it works and trains, as tables (6 minutes)
	$(XVFB) $(BIN)/python -m benchmarks.window

# Each ends after its minutes, or at the steps of the settings if that is sooner. The three that are compared have to take
# the same number of steps, so they have no limit by the clock. What is interrupted goes on when it is run again.
TRAIN = $(BIN)/napari-contransgan train --resume --workers $(WORKERS)

networks: $(VENV)/.package ## Train the bundled networks further, and those of Figs. 9 and 11, into runs/ (five hours of two cores, and half an hour of a GPU, WORKERS=14)
	$(BIN)/python tools/draw_labels.py tools/networks/taught.yaml --out runs/taught
	$(TRAIN) --out runs/all --config tools/networks/all.yaml --minutes 75
	$(TRAIN) --out runs/wide --config tools/networks/wide.yaml --minutes 72
	$(TRAIN) --out runs/psm --config tools/networks/psm.yaml --minutes 18
	$(TRAIN) --out runs/hela --config tools/networks/hela.yaml --minutes 80
	$(TRAIN) --out runs/defocus --config tools/networks/defocus.yaml --minutes 2
	$(TRAIN) --out runs/compared_contrans --config tools/networks/compared.yaml --generator contrans
	$(TRAIN) --out runs/compared_unet --config tools/networks/compared.yaml --generator unet
	$(TRAIN) --out runs/compared_swin --config tools/networks/compared.yaml --generator swin

graphs: $(VENV)/.graphs ## Write the networks as ONNX graphs, needed after a change of their layers
	$(BIN)/python tools/export_graphs.py

bundle: $(VENV)/.package ## Score the run runs/NAME on held-out fields and put it into the package as NAME=all|wide|hela|psm
	$(BIN)/python tools/bundle_model.py runs/$(NAME) --name $(NAME)

bench-networks: $(VENV)/.package ## Test the bundled network far from the usual focus and light, and on empty fields, as tables (5 minutes)
	$(BIN)/python -m benchmarks.networks

bench-refining: $(VENV)/.package ## Fit the scale of predicted phases to their images, by image formation, as tables (10 minutes)
	$(BIN)/python -m benchmarks.refining

bench-real: $(VENV)/.package ## Compare the bundled networks for cells with TIE on real frames, as a table (3 minutes)
	$(BIN)/python -m benchmarks.real all wide hela

bench-adapt: $(VENV)/.package ## Adapt the bundled network to strange microscopes and to the real pair, as tables (30 minutes)
	$(BIN)/python -m benchmarks.adapt --out docs/images

faults: $(VENV)/.package ## Attack the readers with damaged files and kill the commands, as tables (FAULTS_ARGS="--files 100000 --kills 500")
	$(BIN)/python -m benchmarks.faults $(FAULTS_ARGS)

mutants: $(VENV)/.mutants ## Put small faults into the code and count those that no test notices, as a table (MUTANTS_ARGS="--number 250")
	$(BIN)/python -m benchmarks.mutants $(MUTANTS_ARGS)

package: $(VENV)/.dev ## Build the wheel and the source archive into dist/, and check what they hold
	rm -rf dist
	$(BIN)/python tools/check_package.py dist

audit: $(VENV)/.app ## Look up known vulnerabilities of the dependencies, where the network allows it
	@$(MAKE) VENV=.venv-audit .venv-audit/.made
	@.venv-audit/bin/python -m pip install -qq --no-input --disable-pip-version-check pip-audit
	$(BIN)/python tools/audit.py .venv-audit/bin/pip-audit "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

package-install: package display ## Install the wheel into an environment of its own and use it without a network (15 minutes)
	$(BIN)/python tools/check_installed.py dist build/installed "$(TORCH_ARGS)"

bench-search: $(VENV)/.package ## Train variants of the network for equal processor time and compare them, as a table (1 hour)
	$(BIN)/python -m benchmarks.search

bench-inference: $(VENV)/.dev display ## Score the error map; measure large images and folders, as a table (1 hour)
	$(XVFB) $(BIN)/python -m benchmarks.inference

display: $(VENV)/.made
	@$(BIN)/python tools/display_packages.py virtual

clean: ## Remove what the commands made, except the environment
	rm -rf $(DEMO_OUT) reproduced site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## Remove the environment too
	rm -rf $(VENV) .venv-pyside .venv-lowest .venv-audit

# The environment: each stamp stands for a finished step, and a change of pyproject.toml does the later ones again.
# A larger installation includes the smaller ones, so it also sets their stamps.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "napari-contransgan needs Python 3.11 or newer: say for example make PYTHON=python3.12"; exit 1; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.torch: $(VENV)/.made tools/pick_torch.py
	@args=$$($(BIN)/python tools/pick_torch.py "$(TORCH_ARGS)") && \
		if [ -n "$$args" ]; then $(PIP_INSTALL) $$args; fi
	@touch $@

$(VENV)/.package: $(VENV)/.torch pyproject.toml
	@echo "Installing napari-contransgan (this takes a few minutes the first time)"
	@$(PIP_INSTALL) --editable ".[fast]"
	@touch $@

$(VENV)/.app: $(VENV)/.torch pyproject.toml
	@echo "Installing napari-contransgan and a window toolkit (this takes a few minutes the first time)"
	@$(PIP_INSTALL) --editable ".[all]"
	@touch $(VENV)/.package $@

$(VENV)/.bench: $(VENV)/.package pyproject.toml
	@echo "Installing the programs that the benchmarks compare with"
	@$(PIP_INSTALL) --editable . --group bench
	@touch $@

$(VENV)/.mutants: $(VENV)/.package pyproject.toml
	@echo "Installing the program that puts faults into the code"
	@$(PIP_INSTALL) --editable . --group test --group mutants
	@touch $@

$(VENV)/.graphs: $(VENV)/.package pyproject.toml
	@echo "Installing the packages that write ONNX graphs"
	@$(PIP_INSTALL) --editable . --group graphs
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	@echo "Installing napari-contransgan with the tools of its tests (this takes a few minutes the first time)"
	@$(PIP_INSTALL) --editable ".[all]" --group dev
	@touch $(VENV)/.package $(VENV)/.app $@

# The lowest versions of what pyproject.toml names, and the newest of what that needs. The tools of the tests may ask for
# newer versions; the lowest override that.
.venv-lowest/.lowest: pyproject.toml
	@$(MAKE) VENV=.venv-lowest .venv-lowest/.made
	@echo "Installing the lowest versions that pyproject.toml allows (this takes a few minutes and 6 GB)"
	@.venv-lowest/bin/python -m pip install -qq --no-input --disable-pip-version-check --upgrade uv
	@rm -f .venv-lowest/lowest.txt # uv would keep to an older one
	@$(LOWEST_UV) compile --python .venv-lowest --all-extras --resolution lowest-direct pyproject.toml -o .venv-lowest/lowest.txt >/dev/null
	@$(LOWEST_UV) install --python .venv-lowest -r .venv-lowest/lowest.txt --override .venv-lowest/lowest.txt --group dev --editable .
	@touch $@
