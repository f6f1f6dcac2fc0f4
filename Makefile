# make study   set up and run the whole study on the embedded synthetic corpus
# make test    set up and run every test and every notebook, on all cores
# make quick   set up and run the quick tests (under three minutes), while developing
# make lab     set up and open JupyterLab
# make bench   set up and measure speed and memory, compared with other tools, into reports/benchmarks
# make stress  set up and run trials of kills, races, full disks, damage and attack (a quarter of an hour)
# make results set up and compute every row of reports/ (needs the corpora; a day on two cores, resumable)
# make site    set up and build the site into build/site/html, without executing anything
# make lint    style
# make lock    write requirements.lock anew from pyproject.toml (the one list of dependencies)
#
# Everything is installed into .venv with the versions of requirements.lock.
# Choose another Python by:  make study PYTHON=python3.12

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

export TF_CPP_MIN_LOG_LEVEL ?= 3

# Files go to the processes whole: the cells of a notebook share a kernel. Notebooks, which take
# longest, come first.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

.PHONY: study test quick lab bench stress results site lint lock clean

study: $(READY)
	$(BIN)/ser run --corpus synthetic

test: $(READY)
	$(PYTEST) --nbval --nbval-current-env --junitxml=build/tests.xml notebooks tests

quick: $(READY)
	$(PYTEST) -m "not slow" tests

# .jupyter/overrides.json: Markdown opens as a page, and nothing is asked of other hosts.
lab: $(READY)
	$(BIN)/jupyter lab --notebook-dir=. \
	    --LabApp.app_settings_dir=.jupyter --LabApp.default_url=/lab/tree/notebooks/README.md

bench: $(READY)
	$(BIN)/python -m benchmarks

stress: $(READY)
	$(BIN)/python -m benchmarks.stress

results: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash reports/results.sh
	$(BIN)/ser report

# Pages are found where they lie in the repository; warnings, such as broken links, are errors.
site: $(READY)
	$(BIN)/python -m sphinx -b html -c docs -d build/site/doctrees -j 2 -W --keep-going -q . build/site/html
	@echo "built build/site/html/index.html"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lock: $(READY)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	    --extra dev --extra jax --extra dask --extra baselines --extra docs --extra demo \
	    --no-header --no-annotate --no-emit-index-url -o requirements.lock pyproject.toml

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit("Python 3.11 to 3.13 is needed; $(PYTHON) is %d.%d. Choose another by: make PYTHON=python3.12" % v)'
	@echo "Setting up $(VENV) (a few minutes, once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

clean:
	rm -rf $(VENV) build dist reports/synthetic
