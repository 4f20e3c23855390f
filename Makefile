# make demo, make test, make check: each makes its own environment in .venv first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
IMAGES ?=
AUDIO ?=
PACKAGES := media aviary fused_encoder triplets inference training individuals archives soundscapes student app
CODE := $(PACKAGES) tests benchmarks examples deploy

.PHONY: demo test test-milvus test-kills check format lint types docs clean

demo: $(VENV)/installed
	$(BIN)/fused-encoder demo --out demo $(if $(IMAGES),--images "$(IMAGES)") $(if $(AUDIO),--audio "$(AUDIO)")

# Two processes share the cores; more threads of each would only wait for each other.
test: export OMP_NUM_THREADS := 1
test: export OPENBLAS_NUM_THREADS := 1
test: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 -m "not milvus"

# Writers that are killed 200 times in each test of kills; `test` kills them a few times.
test-kills: $(VENV)/installed
	FUSED_ENCODER_KILLS=200 $(BIN)/python -m pytest -k kill tests/inference/index tests/individuals/catalogue \
		tests/archives/embed/test_shards.py

# The index on a real Milvus server, whose program has an environment of its own.
test-milvus: $(VENV)/installed .venv-milvus/installed
	$(BIN)/python -m pytest -m milvus tests/inference

.venv-milvus/installed:
	$(PYTHON) -m venv .venv-milvus
	.venv-milvus/bin/python -m pip install --quiet "milvus==2.3.5"
	touch $@

# The code in README and docs runs in tests/docs, which is a part of the tests.
check: $(VENV)/installed lint types test

format: $(VENV)/installed
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

lint: $(VENV)/installed
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

types: $(VENV)/installed
	$(BIN)/mypy

docs: $(VENV)/installed
	$(BIN)/python -m pytest tests/docs -q

# setuptools<81: tensorflow-hub still imports pkg_resources, which later ones no longer have.
$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip "setuptools<81"
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
