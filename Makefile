# `make demo` and `make test` do everything, set-up included. PYTHON picks the interpreter (3.11 - 3.13).
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
UV_VERSION := 0.13.9

.PHONY: setup demo test lint types lock clean
setup: $(VENV)/.ready

# uv installs: with a CPU-only torch on the machine, pip's resolution can break torchvision; the lock decides.
$(VENV)/.ready: requirements.lock pyproject.toml Makefile
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	command -v uv >/dev/null || test -x $(VENV)/bin/uv || $(RUN) -m pip install --quiet uv==$(UV_VERSION)
	UV=$$(command -v uv || echo $(VENV)/bin/uv) && \
	$$UV pip install --python $(RUN) --quiet --require-hashes -r requirements.lock && \
	$$UV pip install --python $(RUN) --quiet --no-deps --editable .
	touch $@
