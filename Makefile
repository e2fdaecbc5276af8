# `make demo`, `make test` and `make docs` do everything, set-up included. PYTHON chooses the interpreter (3.11 - 3.13).
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
UV_VERSION := 0.13.9
TESTERS ?= 3
WAITING := slurm or ray or browser
EXTRAS := lite0 openvino onnx decord http rar ray dev docs  # what the lock holds; s3 and gcs bring many packages for few users

.PHONY: setup demo test test-files test-waiting quick lint docs lock clean

setup: $(VENV)/.ready

# Byte code is compiled once here. Otherwise, where Python may not write it, every worker compiles torch at its start.
# uv and not pip: it installs exactly what the lock says, also where the index has a CPU-only torch.
$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v[:2] <= (3, 13) and \
		f"Python 3.11 - 3.13 is needed, this is {v[0]}.{v[1]}; choose with make PYTHON=python3.12")'
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	command -v uv >/dev/null || test -x $(VENV)/bin/uv || $(RUN) -m pip install --quiet uv==$(UV_VERSION)
	UV=$$(command -v uv || echo $(VENV)/bin/uv) && \
	$$UV pip install --python $(RUN) --quiet --compile-bytecode --require-hashes -r requirements.lock && \
	$$UV pip install --python $(RUN) --quiet --no-deps --editable .
	@touch $@
	@echo "set up; to use it: source $(VENV)/bin/activate"

# Draws videos, extracts, distills and evaluates: about 3 minutes on 2 cores. Nothing is downloaded.
demo: setup
	$(RUN) -m evaluate reproduce stick-figures --out out/demo

# Runs every test: files side by side in TESTERS processes with one thread each, of which some wait, so three fill two
# cores; beside them, one after the other, those that wait for a cluster or a browser. All are run, also if some fail.
# pytest-xdist hangs when it replaces a tester that has crashed, so it may not. Byte code is kept: without it every
# process would compile the packages anew.
test test-files test-waiting quick: export OMP_NUM_THREADS = 1
test test-files test-waiting quick: export PYTHONDONTWRITEBYTECODE =
test: setup
	+$(MAKE) --no-print-directory --keep-going --jobs 2 test-files test-waiting

test-files:
	$(RUN) -m pytest -n $(TESTERS) --max-worker-restart 0 --dist loadfile -m "not ($(WAITING))"

test-waiting:
	$(RUN) -m pytest -m "$(WAITING)" $$(grep -rlE --include='*.py' 'mark\.(slurm|ray|browser)' tests)

# Runs the tests that are not slow.
quick: setup
	$(RUN) -m pytest -n $(TESTERS) --max-worker-restart 0 --dist loadfile -m "not slow and not ($(WAITING))"

lint: setup
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

# Builds the documentation into out/site; a broken link is an error. Open out/site/index.html.
docs: export NO_MKDOCS_2_WARNING = 1
docs: setup
	$(RUN) -m mkdocs build --strict --quiet

# Pins every dependency with its hashes for all platforms and Pythons. The lock names no index host.
lock: setup
	UV=$$(command -v uv || echo $(VENV)/bin/uv) && \
	$$UV pip compile --universal --fork-strategy fewest --python-version 3.11 $(EXTRAS:%=--extra %) --generate-hashes \
		--no-header --quiet pyproject.toml -o requirements.lock

clean:
	rm -rf out
